//go:build linux

package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed page
var page embed.FS

// A file is one of the page's, and answers requests for it.
type file struct {
	path    string // in the mux's notation
	kind    string // its media type
	tag     string // changes with the content, without the closing quote
	content []byte
	zipped  []byte // the content, compressed by gzip
}

// The names of files that differ from the others.
const (
	index  = "index.html" // is found at the page's own address
	worker = "worker.js"  // is not among those that a browser keeps for when the server is away
	shell  = "shell.json" // says which those are
)

// files returns the files of the page.
func files() []*file {
	entries, err := page.ReadDir("page")
	if err != nil {
		panic("web: " + err.Error()) // they are part of the program
	}
	var files []*file
	hashes := map[string]string{} // by the address relative to the page's
	for _, e := range entries {
		name := e.Name()
		content, err := page.ReadFile("page/" + name)
		if err != nil {
			panic("web: " + err.Error())
		}
		address, pattern := name, "/"+name
		if name == index {
			address, pattern = ".", "/{$}"
		}
		if name != worker {
			hash := sha256.Sum256(content)
			hashes[address] = "sha256-" + base64.StdEncoding.EncodeToString(hash[:])
		}
		files = append(files, newFile(pattern, name, content))
	}
	return append(files, newFile("/"+shell, shell, describe(hashes)))
}

func newFile(pattern, name string, content []byte) *file {
	hash := sha256.Sum256(content)
	return &file{
		path:    pattern,
		kind:    kind(name),
		tag:     `"` + base64.RawURLEncoding.EncodeToString(hash[:12]),
		content: content,
		zipped:  compress(content),
	}
}

// describe returns what the browser is told of the files that it keeps: each with its hash
// as in subresource integrity, and the version of all.
func describe(hashes map[string]string) []byte {
	list, err := json.Marshal(hashes) // in the order of their names
	if err != nil {
		panic("web: " + err.Error()) // they are strings
	}
	version := sha256.Sum256(list)
	return fmt.Appendf(nil, "{\"version\": \"%x\", \"files\": %s}\n", version[:8], list)
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that exists
	z.Write(content)                                      // a buffer takes everything
	z.Close()
	return b.Bytes()
}

// acceptsGzip tells whether a request has gzip among the encodings that it
// accepts, as RFC 9110 writes them: "deflate, gzip;q=0.5".
func acceptsGzip(r *http.Request) bool {
	accepted := false
	for _, coding := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "gzip" && name != "x-gzip" && name != "*" {
			continue
		}
		q, isWeight := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
		n, err := strconv.ParseFloat(q, 64)
		accepted = !isWeight || err == nil && n > 0
		if name != "*" {
			return accepted // what is said of it counts, not of all others
		}
	}
	return accepted
}

// kind returns a file's media type, whatever the system believes it to be.
func kind(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".webmanifest":
		return "application/manifest+json"
	default:
		return mime.TypeByExtension(ext) // of html, css and png Go knows it
	}
}

// ServeHTTP sends the file, unless the browser has it: it asks every time, so
// that a newer version of the program is never mixed with an older page.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Vary", "Accept-Encoding")
	content, tag := f.content, f.tag+`"`
	if acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		content, tag = f.zipped, f.tag+`-gzip"` // other bytes, so another tag
	}
	w.Header().Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
