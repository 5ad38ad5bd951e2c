//go:build !linux

package bench

import (
	"errors"
	"runtime"
	"time"
)

// The CPU clock of another process and the memory of one are read in Linux's ways only.
const supported = false

func cpuClock(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

func residentBytes(int) (int64, error) { return 0, errors.ErrUnsupported }

func identity(string) (dev, ino uint64, err error) { return 0, 0, errors.ErrUnsupported }

func describeMachine() Machine {
	return Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
}

func dropCaches() error { return errors.ErrUnsupported }

func load() float64 { return 0 }
