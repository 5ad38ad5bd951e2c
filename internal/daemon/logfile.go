package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// maxLog is how large the log may grow before it makes room for a new one, daemon.log.1 being the one before. A daemon that serves a
// machine for weeks, on a store that refuses every write, says so at each compile.
const maxLog = 10 << 20

// logFile is log/daemon.log of an instance, to which several daemons may append: those of other jobs, classes and namespaces.
type logFile struct {
	path string
	max  int64

	mu   sync.Mutex
	f    *os.File // guarded by mu, as the rest
	size int64    // of f, as far as we know
}

func openLog(dir string, max int64) (*logFile, error) {
	l := &logFile{path: filepath.Join(dir, "log", "daemon.log"), max: max}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

// open opens the log anew; one that has grown large makes room. It is called with mu held, or before others know of l.
func (l *logFile) open() error {
	if fi, err := os.Stat(l.path); err == nil && fi.Size() > l.max {
		_ = os.Rename(l.path, l.path+".1")
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	l.size = 0
	if fi, err := f.Stat(); err == nil {
		l.size = fi.Size()
	}
	if l.f != nil {
		l.f.Close()
	}
	l.f = f
	return nil
}

// Write implements io.Writer. A log that cannot be opened anew goes on in the old file.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > l.max && l.open() != nil {
		l.size = 0
	}
	n, err := l.f.Write(b)
	l.size += int64(n)
	return n, err
}

// Close implements io.Closer.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}
