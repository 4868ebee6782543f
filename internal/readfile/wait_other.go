//go:build !unix

package readfile

// withoutWaiting is for pipes that have names, which other systems have elsewhere.
const withoutWaiting = 0
