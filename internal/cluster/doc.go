// Package cluster makes one chat of many servers, on a stream that orders all that is said.
package cluster
