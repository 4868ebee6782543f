package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// oldTexts are texts for a file in an older form: the table of searches, and so
// many others that they are indexed in several steps.
func oldTexts() []string {
	var texts []string
	for i := range indexBatch + indexBatch/2 {
		texts = append(texts, searches[i%len(searches)].text+fmt.Sprint(" ", i))
	}
	return texts
}

// expectFound searches a file for some of the table, and checks that it finds what
// the model does among some texts, of the messages from the first one on.
func expectFound(t *testing.T, r *Reader, texts []string) {
	t.Helper()
	in := make([]string, len(texts))
	for i, text := range texts {
		in[i] = modelWords(text)
	}
	for _, query := range []string{"itgc", "กินข้าว", "strasse*", "👍", "서울", "1500", `"tomorrow 1"`, "nowhere"} {
		var all []int64
		for i := range in {
			if modelFindsIn(query, in[i]) {
				all = append(all, int64(i+1))
			}
		}
		for _, last := range []int{0, 7} {
			hits, err := r.Search(t.Context(), query, Filter{Last: last})
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			want := all
			for h, err := range hits {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, h.Sequence)
			}
			if last > 0 {
				want = want[max(0, len(want)-last):]
			}
			if !slices.Equal(got, want) {
				t.Errorf("the last %d of %q: %d are found, want %d: %v, want %v", last, query, len(got), len(want), got, want)
			}
		}
	}
}

// A file in an older form is searched like a new one, without changing it. A server
// indexes it little by little. Wherever it is killed, the next one goes on.
func TestIndexOldFile(t *testing.T) {
	texts := oldTexts()
	for form := 1; form < indexedForm; form++ {
		t.Run(fmt.Sprint("form ", form), func(t *testing.T) {
			path := newFile(t)
			oldFile(t, path, form, texts...)
			foreign, err := OpenForeign(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			expectFound(t, foreign, texts)
			foreign.Close()

			a, _ := openArchive(t, path)
			for step, more := 0, true; more; step++ {
				killed := newFile(t)
				copyFile(t, path, killed)
				copyFile(t, path+"-wal", killed+"-wal")
				n, err := a.store.file.indexSome()
				if err != nil {
					t.Fatal(err)
				}
				more = n == indexBatch
				next, _ := openArchive(t, killed)
				expectFound(t, openReader(t, killed), texts)
				left := len(texts) - step*indexBatch
				for left > 0 {
					n, err := next.store.file.indexSome()
					if err != nil || n == 0 {
						t.Fatalf("%d are indexed, %v, and %d are left", n, err, left)
					}
					left -= int(n)
				}
				next.Close()
				expectFound(t, openReader(t, killed), texts)
				checkFile(t, killed)
			}
			a.Close()
			expectFound(t, openReader(t, path), texts)
			checkFile(t, path)
			expectIndexed(t, path)
		})
	}
}

// expectIndexed checks that all messages are indexed.
func expectIndexed(t *testing.T, path string) {
	t.Helper()
	if first, last, err := openReader(t, path).unindexed(t.Context()); first <= last || err != nil {
		t.Errorf("messages from %d to %d are not indexed, %v", first, last, err)
	}
}

// A server that runs indexes what is left, and says so; new messages are found
// meanwhile.
func TestIndexWhileRunning(t *testing.T) {
	path := newFile(t)
	texts := oldTexts()
	oldFile(t, path, indexedForm-1, texts...)
	r := newRoom(t, path, Config{Window: time.Millisecond})
	r.say(alice, "alice", "tomorrow 1", noon)
	texts = append(texts, "tomorrow 1")
	reader := openReader(t, path)
	eventually(t, "the new message is there", func() bool { return len(collect(t, reader, Filter{})) == len(texts) })
	expectFound(t, reader, texts)
	eventually(t, "all is indexed", func() bool {
		first, last, err := reader.unindexed(t.Context())
		return err == nil && first > last
	})
	expectFound(t, reader, texts)
	r.finish()
	if said := r.journal.String(); strings.Count(said, "is being indexed anew") != 1 || strings.Count(said, "the history is indexed") != 1 {
		t.Errorf("said is %s", said)
	}
	checkFile(t, path)
}

// What another program does to messages, which knows nothing of our words, is found,
// at once and after the server has indexed it.
func TestIndexChangesOfOthers(t *testing.T) {
	for _, form := range []int{indexedForm - 1, indexedForm} {
		t.Run(fmt.Sprint("form ", form), func(t *testing.T) {
			path := newFile(t)
			texts := oldTexts()
			oldFile(t, path, indexedForm-1, texts...)
			a, _ := openArchive(t, path)
			for form == indexedForm {
				if n, err := a.store.file.indexSome(); err != nil || n == 0 {
					break
				}
			}
			for _, statement := range []string{
				"DELETE FROM message WHERE sequence % 7 = 0",
				"UPDATE message SET text = 'เรากินข้าวที่ Straßenbahn' WHERE sequence % 101 = 1",
				"UPDATE message SET text = x'f09f918d' WHERE sequence IN (5, 5000, 102, 2021)",
				"UPDATE message SET name = x'' WHERE sequence = 9",
				"INSERT INTO message (sequence, time, room, name, authenticated_name, address, text) VALUES (4000, 1, 'main', x'', x'', '', 'tomorrow 1')",
				"INSERT INTO unindexed VALUES (4000, 4000)",
			} {
				execute(t, path, statement)
			}
			for i := range texts {
				switch n := i + 1; {
				case n == 5 || n == 102 || n == 2021:
					texts[i] = "👍"
				case n%101 == 1:
					texts[i] = "เรากินข้าวที่ Straßenbahn"
				}
				if (i+1)%7 == 0 {
					texts[i] = ""
				}
			}
			texts = append(texts, make([]string, 4000-len(texts))...)
			texts[3999] = "tomorrow 1"
			write(t, a, 2) // which says nothing, and does not mind what is there
			expectFound(t, openReader(t, path), texts)
			for n := int64(1); n > 0; {
				var err error
				if n, err = a.store.file.indexSome(); err != nil {
					t.Fatal(err)
				}
			}
			a.Close()
			expectFound(t, openReader(t, path), texts)
			expectIndexed(t, path)
			checkFile(t, path)
		})
	}
}
