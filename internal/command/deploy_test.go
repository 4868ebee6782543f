package command

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each variable in the files of deploy/ is one of the server's.
func TestDeployedVariables(t *testing.T) {
	flags := newServe(process(nil), nil).Flags()
	used := regexp.MustCompile(`SOP_CHAT_[A-Z_]+`)
	found := 0
	err := filepath.WalkDir("../../deploy", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, name := range used.FindAllString(string(content), -1) {
			found++
			flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "SOP_CHAT_"), "_", "-"))
			if flags.Lookup(flag) == nil && name != portVariable && name != keyVariable {
				t.Errorf("%s: there is no %s", path, name)
			}
		}
		return err
	})
	if err != nil || found < 10 {
		t.Errorf("found %d variables: %v", found, err)
	}
}

// The image is built by the version of Go that the module asks for.
func TestDockerfileGo(t *testing.T) {
	read := func(path, pattern string) string {
		t.Helper()
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(content)
		if found == nil {
			t.Fatalf("%s has no %s", path, pattern)
		}
		return string(found[1])
	}
	if image, module := read("../../deploy/docker/Dockerfile", `golang:(\d+\.\d+)`), read("../../go.mod", `\ngo (\d+\.\d+)`); image != module {
		t.Errorf("the image has Go %s, and go.mod %s", image, module)
	}
}
