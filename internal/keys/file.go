package keys

import (
	"fmt"
	"io/fs"
	"os"

	"sop-chat/internal/readfile"
)

// maxFile is far more than 10,000 lines need. A device may have no end.
const maxFile = 16 << 20

// A Version tells a file's content from another, as far as that is seen without reading
// it.
type Version struct{ info fs.FileInfo }

// VersionOf returns the version of a file; the zero one if it can't be found out.
func VersionOf(name string) Version {
	info, err := os.Stat(name)
	if err != nil {
		return Version{}
	}
	return Version{info}
}

// Same reports whether the file seems not to have changed between two versions.
func (v Version) Same(other Version) bool {
	if v.info == nil || other.info == nil {
		return v.info == other.info
	}
	return os.SameFile(v.info, other.info) && v.info.Size() == other.info.Size() && v.info.ModTime().Equal(other.info.ModTime())
}

// OthersRead reports whether every user of the machine may read the file.
func (v Version) OthersRead() bool { return v.info != nil && v.info.Mode().Perm()&0o004 != 0 }

// ReadFile returns the content of a file of keys, and its version.
func ReadFile(name string) (content []byte, of Version, err error) {
	content, of, err = readFile(name)
	if err != nil {
		err = fmt.Errorf("the file of keys can't be read: %w", err)
	}
	return content, of, err
}

func readFile(name string) ([]byte, Version, error) {
	content, info, err := readfile.Read(name, maxFile)
	return content, Version{info}, err
}
