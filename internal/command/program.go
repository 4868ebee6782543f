package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Program is how the process was started, so that it can be replaced by the program that
// is at the same path then. The zero value can't be replaced.
type Program struct {
	// Path is the absolute path by which its file was found. Symbolic links in it are not
	// resolved, so that another version can be put in place by changing one.
	Path string
	// Args are its arguments, with the name that it was called by.
	Args []string
	// Environ returns the environment.
	Environ func() []string
}

// handoverVariable is the variable by which a process that replaces another is told which
// descriptor has what that one passes on.
const handoverVariable = "SOP_CHAT_HANDOVER"

// OwnProgram returns how this process was started. It has to be called before the working
// directory changes. What the program before has passed on is taken out of the environment.
func OwnProgram() (p Program, handover string) {
	handover = os.Getenv(handoverVariable)
	os.Unsetenv(handoverVariable)
	return Program{Path: pathOf(os.Args[0]), Args: os.Args, Environ: os.Environ}, handover
}

// pathOf returns the path of this process's file, which was called by a name. It is empty
// if it is not known.
func pathOf(name string) string {
	path, err := name, error(nil)
	if !strings.ContainsRune(name, filepath.Separator) {
		path, err = exec.LookPath(name)
	}
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil && isOwnFile(path) {
		return path
	}
	if path, err = os.Executable(); err != nil {
		return "" // without /proc
	}
	return path
}

// isOwnFile reports whether a path leads to the file that the process was started from. A
// name may be any text.
func isOwnFile(path string) bool {
	const own = "/proc/self/exe"
	at, err := os.Stat(path)
	running, runningErr := os.Stat(own)
	return err == nil && runningErr == nil && os.SameFile(at, running)
}
