//go:build !unix

package command

import "os"

var systemEndings []os.Signal

func printInBackground() {}
