//go:build unix

package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Each job has a daemon of its own, so on a runner that stays their files would fill the directory of sockets. Those of a daemon that is
// gone are kept this long, and so are hidden files of a compiler whose wrapper was killed, which wrote on.
const (
	placeAge  = 7 * 24 * time.Hour
	hiddenAge = 24 * time.Hour
)

// sweep removes what daemons and compiles that are gone left in the directory of sockets. Whatever fails is left for the next.
func sweep(place protocol.Place, now time.Time) {
	locks, err := os.ReadDir(place.Run)
	if err != nil {
		return
	}
	for _, e := range locks {
		name, isLock := strings.CutSuffix(e.Name(), ".lock")
		path := filepath.Join(place.Run, name)
		if isLock && path+".lock" != place.Lock() && older(path+".lock", now, placeAge) {
			removePlace(path)
		}
	}
	hidden, err := os.ReadDir(filepath.Join(place.Run, "tmp"))
	if err != nil {
		return
	}
	for _, e := range hidden {
		if path := filepath.Join(place.Run, "tmp", e.Name()); older(path, now, hiddenAge) {
			_ = os.Remove(path)
		}
	}
}

// removePlace removes the files of a place, unless its daemon lives. It holds the lock meanwhile; takeLock notices that it is gone.
func removePlace(path string) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	for _, suffix := range []string{".sock", ".start", ".lock"} {
		_ = os.Remove(path + suffix)
	}
}

// older reports whether a file was last written longer ago than age.
func older(path string, now time.Time, age time.Duration) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode().IsRegular() && now.Sub(fi.ModTime()) > age
}
