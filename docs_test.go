package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The documents point only to files that are there, and to names that the Go file
// they give for them still has.
func TestDocuments(t *testing.T) {
	var (
		link  = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`) // without a scheme
		named = regexp.MustCompile("`(\\w+)`(?: and `(\\w+)`)? in \\[[^]]+\\]\\(([^)]+\\.go)\\)")
	)
	links, names := 0, 0
	err := filepath.WalkDir(".", func(document string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(document) != ".md" {
			return err
		}
		text, err := os.ReadFile(document)
		if err != nil {
			return err
		}
		at := func(path string) string { return filepath.Join(filepath.Dir(document), path) }
		for _, found := range link.FindAllSubmatch(text, -1) {
			links++
			if _, err := os.Stat(at(string(found[1]))); err != nil {
				t.Errorf("%s: there is no %s", document, found[1])
			}
		}
		for _, found := range named.FindAllSubmatch(text, -1) {
			source, _ := os.ReadFile(at(string(found[3])))
			for _, name := range found[1:3] {
				names++
				if !strings.Contains(string(source), string(name)) {
					t.Errorf("%s: there is no %s in %s", document, name, found[3])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if links < 20 || names < 5 {
		t.Errorf("found %d links and %d names: the patterns find too little", links, names)
	}
}
