//go:build !linux

package bench

import (
	"fmt"
	"runtime"
	"time"
)

func cpuTime(int) (time.Duration, error) {
	return 0, fmt.Errorf("needs Linux; this is %s", runtime.GOOS)
}
