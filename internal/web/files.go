//go:build linux

package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
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

// files returns the files of the page.
func files() []*file {
	entries, err := page.ReadDir("page")
	if err != nil {
		panic("web: " + err.Error()) // they are part of the program
	}
	var files []*file
	for _, e := range entries {
		content, err := page.ReadFile("page/" + e.Name())
		if err != nil {
			panic("web: " + err.Error())
		}
		hash := sha256.Sum256(content)
		f := &file{
			path:    "/" + e.Name(),
			kind:    kind(e.Name()),
			tag:     `"` + base64.RawURLEncoding.EncodeToString(hash[:12]),
			content: content,
			zipped:  compress(content),
		}
		if e.Name() == "index.html" {
			f.path = "/{$}"
		}
		files = append(files, f)
	}
	return files
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
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(ext) // of html and css Go knows it
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
