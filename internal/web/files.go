//go:build linux

package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"mime"
	"net/http"
	"path"
	"time"
)

//go:embed page
var page embed.FS

// A file is one of the page's, and answers requests for it.
type file struct {
	path    string // in the mux's notation
	kind    string // its media type
	tag     string // changes with the content
	content []byte
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
			tag:     `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`,
			content: content,
		}
		if e.Name() == "index.html" {
			f.path = "/{$}"
		}
		files = append(files, f)
	}
	return files
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
	w.Header().Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
