package history

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// oldFile makes a file in an older form, as the versions did that wrote it, with a
// message a second from noon on.
func oldFile(t testing.TB, path string, form int, texts ...string) {
	t.Helper()
	writeFile(t, path, "")
	f, err := openToWrite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := migrate(t.Context(), f.conn, migrations[:form]); err != nil {
		t.Fatal(err)
	}
	err = f.transact(func() error {
		for i, text := range texts {
			if _, err := f.exec("INSERT INTO message (sequence, time, room, name, authenticated_name, address, text) VALUES (?, ?, 'main', ?, ?, '', ?)",
				i+1, noon.Add(time.Duration(i)*time.Second).UnixNano(), []byte("alice"), []byte("alice"), []byte(text)); err != nil {
				return err
			}
		}
		_, err := f.exec("INSERT INTO search (rowid, text) SELECT sequence, text FROM searchable")
		return err
	})
	var about os.FileInfo
	if err == nil {
		about, err = os.Stat(path)
	}
	if err == nil {
		err = f.seal(about)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// formOne makes a file as versions without epochs did.
func formOne(t testing.TB, path string, messages int64) {
	t.Helper()
	var texts []string
	for i := range messages {
		texts = append(texts, fmt.Sprintf("hello %d world%d", i, i*7919))
	}
	oldFile(t, path, 1, texts...)
}
