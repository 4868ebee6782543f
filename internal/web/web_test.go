//go:build linux

package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/gateway"
	"sop-chat/internal/history"
	"sop-chat/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "ключ" // of the room without a name

func config() Config {
	return Config{
		Gateway: gateway.New(gateway.Config{Adopt: func(gateway.Client) {}}),
		Names:   []string{"example.com"}, // which httptest asks for
		Room: func(_ context.Context, _ netip.Addr, given string) (Room, error) {
			rooms := map[string]Room{key: {}, "maths key": {Name: "maths", Replay: 7}, "class key": {Name: "<b>żółw</b>"}}
			r, ok := rooms[given]
			switch {
			case given == "busy key":
				return r, ErrUnchecked
			case !ok:
				return r, ErrWrongKey
			}
			return r, nil
		},
		Logger: slog.New(slog.DiscardHandler),
	}
}

func get(t *testing.T, h http.Handler, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// The page is small, asks nobody else for anything, and has no script or style
// in its markup, which the policy forbids.
func TestPage(t *testing.T) {
	total, sent := 0, 0
	for _, f := range files() {
		total += len(f.content)
		sent += len(f.zipped)
		for _, found := range regexp.MustCompile(`(?:https?:)?//[a-z][^\s"'/]*\.[^\s"']*`).FindAllString(string(f.content), -1) {
			if !strings.HasPrefix(found, "http://www.w3.org/2000/svg") {
				t.Errorf("%s refers to %s", f.path, found)
			}
		}
	}
	if total >= 146_000 || sent >= 60_000 {
		t.Errorf("the page is %d bytes, and %d compressed, want less than 146,000 and 60,000", total, sent)
	}
	index, err := fs.ReadFile(page, "page/index.html")
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?i)<style|<script(?: [^>]*)?>[^<]| on\w+=| style=`).Find(index); found != nil {
		t.Errorf("the policy forbids %q", found)
	}
}

// A browser is told of every file of the page but the service worker, and by which hash the
// content can be told.
func TestShell(t *testing.T) {
	h := Handler(config())
	var shell struct {
		Version string            `json:"version"`
		Files   map[string]string `json:"files"`
	}
	if err := json.NewDecoder(get(t, h, "/shell.json").Body).Decode(&shell); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(shell.Version) {
		t.Errorf("the version is %q", shell.Version)
	}
	for name, want := range shell.Files {
		content, err := io.ReadAll(get(t, h, "/"+strings.TrimPrefix(name, ".")).Body)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); "sha256-"+base64.StdEncoding.EncodeToString(sum[:]) != want {
			t.Errorf("the hash of %s is not %s", name, want)
		}
	}
	if entries, _ := page.ReadDir("page"); len(shell.Files) != len(entries)-1 {
		t.Errorf("it is told of %d files, want %d", len(shell.Files), len(entries)-1)
	}
}

// The icons that the manifest names are there, in the sizes that it says.
func TestManifest(t *testing.T) {
	h := Handler(config())
	var manifest struct {
		Icons []struct{ Src, Sizes, Type string }
	}
	if err := json.NewDecoder(get(t, h, "/app.webmanifest").Body).Decode(&manifest); err != nil || len(manifest.Icons) != 3 {
		t.Fatalf("the manifest has %d icons (%v), want 3", len(manifest.Icons), err)
	}
	for _, icon := range manifest.Icons {
		resp := get(t, h, "/"+icon.Src)
		if got := resp.Header.Get("Content-Type"); got != icon.Type {
			t.Errorf("%s is %q, want %q", icon.Src, got, icon.Type)
		}
		if icon.Type != "image/png" {
			continue
		}
		if picture, err := png.DecodeConfig(resp.Body); err != nil || fmt.Sprintf("%dx%d", picture.Width, picture.Height) != icon.Sizes {
			t.Errorf("%s has a size of %d by %d (%v), want %s", icon.Src, picture.Width, picture.Height, err, icon.Sizes)
		}
	}
}

// Every answer, also a refusal, says what a browser may do with it, and a file
// is sent once.
func TestHeaders(t *testing.T) {
	h := Handler(config())
	for path, status := range map[string]int{"/": 200, "/app.js": 200, "/style.css": 200, "/icon.svg": 200, "/worker.js": 200, "/shell.json": 200, "/app.webmanifest": 200, "/icon-512.png": 200, "/index.html": 404, "/page/app.js": 404, "/api/room": 200, "/ws": 426, "/api/messages": 404} {
		resp := get(t, h, path)
		if resp.StatusCode != status {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, status)
		}
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the headers are %v", path, resp.Header)
		}
		if tag := resp.Header.Get("ETag"); tag != "" {
			if again := get(t, h, path, "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
				t.Errorf("%s: the second time the status is %d", path, again.StatusCode)
			}
		} else if status == 200 && path != "/api/room" {
			t.Errorf("%s has no tag", path)
		}
	}
	for path, want := range map[string]string{
		"/app.js": "text/javascript; charset=utf-8", "/worker.js": "text/javascript; charset=utf-8",
		"/app.webmanifest": "application/manifest+json", "/icon-512.png": "image/png",
	} {
		if got := get(t, h, path).Header.Get("Content-Type"); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// A file is sent compressed to those that accept it, and is the same file; each
// form has a tag of its own.
func TestCompression(t *testing.T) {
	h := Handler(config())
	plain := get(t, h, "/app.js")
	want, _ := io.ReadAll(plain.Body)
	if plain.Header.Get("Vary") != "Accept-Encoding" || plain.Header.Get("Content-Encoding") != "" {
		t.Errorf("without Accept-Encoding the headers are %v", plain.Header)
	}
	for accepted, isZipped := range map[string]bool{
		"gzip": true, "gzip, deflate, br, zstd": true, "br, GZIP;q=0.5": true, "gzip; q=1": true, "*": true, "x-gzip": true,
		"*;q=0, gzip": true, "": false, "br": false, "gzip;q=0": false, "gzip;q=0.000": false, "*, gzip;q=0": false, "gzipped": false,
		"gzip;q=x": false,
	} {
		resp := get(t, h, "/app.js", "Accept-Encoding", accepted)
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if zipped := resp.Header.Get("Content-Encoding") == "gzip"; zipped != isZipped {
			t.Errorf("%q: gzip is %t, want %t", accepted, zipped, isZipped)
			continue
		}
		tag := resp.Header.Get("ETag")
		if isZipped {
			if len(got) >= len(want) || tag == plain.Header.Get("ETag") {
				t.Errorf("%q: %d bytes are sent instead of %d, with the tag %s", accepted, len(got), len(want), tag)
			}
			z, err := gzip.NewReader(bytes.NewReader(got))
			if err != nil {
				t.Fatal(err)
			}
			if got, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q: another file came", accepted)
		}
		if resp.Header.Get("Vary") != "Accept-Encoding" || resp.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%q: the headers are %v", accepted, resp.Header)
		}
		if again := get(t, h, "/app.js", "Accept-Encoding", accepted, "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
			t.Errorf("%q: the second time the status is %d", accepted, again.StatusCode)
		}
	}
}

// What was said in a room is sent in pages and found again, to a client that has its key,
// also if there are other rooms, which are smaller or larger.
func TestArchive(t *testing.T) {
	for name, test := range map[string]struct {
		key  string
		keep func(path string)
	}{
		"the only room": {key, func(path string) { keep(t, path, 250) }},
		"one of several": {"maths key", func(path string) {
			keepIn(t, path, "<b>żółw</b>", 40)
			keepIn(t, path, "maths", 120)
			keepIn(t, path, "<b>żółw</b>", 300)
			keepIn(t, path, "maths", 130)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := config()
			c.History = filepath.Join(t.TempDir(), "chat.db")
			test.keep(c.History)
			testArchive(t, Handler(c), test.key)
		})
	}
}

// testArchive tests the archive of a room in which 250 messages were said.
func testArchive(t *testing.T, h http.Handler, key string) {
	right := bearer(key)
	for _, key := range []string{"", "Bearer ", right + "QUFB", "Bearer ключ", bearer("guess")} {
		if resp := get(t, h, "/api/messages", "Authorization", key); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("with %q the status is %d", key, resp.StatusCode)
		}
	}
	for query, want := range map[string]struct {
		status, n   int
		first, last int64
		says        string
	}{
		"":                              {200, 100, 151, 250, ""},
		"?before=151":                   {200, 100, 51, 150, ""},
		"?before=11":                    {200, 10, 1, 10, ""},
		"?before=1":                     {200, 0, 0, 0, ""},
		"?before=0":                     {status: 400},
		"?before=x":                     {status: 400, says: `before="x"`},
		"?before=9223372036854775808":   {status: 400, says: `before="9223372036854775808"`},
		"?after=200":                    {200, 50, 201, 250, ""},
		"?after=0":                      {200, 100, 151, 250, ""},
		"?after=250":                    {200, 0, 0, 0, ""},
		"?after=9223372036854775807":    {200, 0, 0, 0, ""},
		"?after=10&before=21":           {200, 10, 11, 20, ""},
		"?after=10&before=200":          {200, 100, 100, 199, ""},
		"?after=20&before=21":           {200, 0, 0, 0, ""},
		"?after=20&before=10":           {200, 0, 0, 0, ""},
		"?after=-1":                     {status: 400, says: `after="-1"`},
		"?after=":                       {status: 400, says: `after=""`},
		"?before=":                      {status: 400, says: `before=""`},
		"?after=1.5":                    {status: 400, says: `after="1.5"`},
		"?after=1&before=-2":            {status: 400, says: `before="-2"`},
		"?after=0x10":                   {status: 400, says: `after="0x10"`},
		"?q=number&after=40&before=45":  {200, 4, 41, 44, ""},
		"?q=number&after=240":           {200, 10, 241, 250, ""},
		"?q=number&after=x":             {status: 400, says: `after="x"`},
		"?q=number":                     {200, 200, 51, 250, ""},
		"?q=" + url.QueryEscape(`"7 <`): {200, 1, 7, 7, ""},
		"?q=nothing":                    {200, 0, 0, 0, ""},
		"?q=umber":                      {200, 200, 51, 250, ""},
		"?q=%22umber%22":                {200, 0, 0, 0, ""},
		"?q=" + url.QueryEscape("重跑 itgc strasse* 👍"): {200, 200, 51, 250, ""},
		"?q=":           {status: 400},
		"?from=alice":   {200, 200, 51, 250, ""},
		"?from=bob":     {200, 0, 0, 0, ""},
		"?since=249000": {200, 2, 249, 250, ""},
		"?until=3000":   {200, 2, 1, 2, ""},
		"?q=number&since=5000&until=9000&from=alice": {200, 4, 5, 8, ""},
		"?since=yesterday":                           {status: 400, says: `since="yesterday" is not a time`},
		"?until=0":                                   {status: 400, says: `until="0"`},
	} {
		resp := get(t, h, "/api/messages"+query, "Authorization", right)
		if resp.StatusCode != 200 {
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != want.status || !strings.Contains(string(body), want.says) {
				t.Errorf("%q: status %d, %s; want %d, %s", query, resp.StatusCode, body, want.status, want.says)
			}
			continue
		}
		if want.status != 200 {
			t.Errorf("%q: it is answered; want status %d", query, want.status)
		}
		var got struct {
			Messages []struct {
				Sequence, Time   int64
				Name, From, Text string
			}
		}
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Messages == nil {
			t.Fatalf("%q: %v", query, err)
		}
		if len(got.Messages) != want.n {
			t.Errorf("%q: %d messages, want %d", query, len(got.Messages), want.n)
			continue
		}
		if want.n == 0 {
			continue
		}
		first, last := got.Messages[0], got.Messages[want.n-1]
		if first.Sequence != want.first || last.Sequence != want.last {
			t.Errorf("%q: from %d to %d, want from %d to %d", query, first.Sequence, last.Sequence, want.first, want.last)
		}
		if wantText := fmt.Sprintf("number %d <b> 明天重跑gen-itgc后👍🏽 Straßen", first.Sequence); first.Text != wantText || first.Name != " alice" || first.From != "alice" || first.Time != first.Sequence*1000 {
			t.Errorf("%q: the first is %+v", query, first)
		}
	}
}

// keep writes messages to a file, by their numbers one a second since 1970.
func keep(t *testing.T, path string, messages int) { keepIn(t, path, onlyRoom, messages) }

// keepIn is keep for a room.
func keepIn(t *testing.T, path, name string, messages int) {
	t.Helper()
	archive, err := history.Open(path, history.Config{})
	if err != nil {
		t.Fatal(err)
	}
	room, err := archive.Room(name, history.RoomConfig{})
	if err != nil {
		t.Fatal(err)
	}
	log := broadcast.New(1<<20, 1<<20)
	room.Follow(log)
	archive.Finish()
	done := make(chan error)
	go func() { done <- archive.Run(context.Background()) }()
	batch := broadcast.NewBatch(wire.Size)
	sender := &broadcast.Sender{Name: "alice"}
	next := int(room.Next())
	for i := range messages {
		m, err := wire.New(" alice", fmt.Sprintf("number %d <b> 明天重跑gen-itgc后👍🏽 Straßen", next+i))
		if err != nil {
			t.Fatal(err)
		}
		batch.Add(sender, copy(batch.Free(), m[:]))
		log.Append(batch, time.Unix(int64(next+i), 0))
	}
	log.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}
