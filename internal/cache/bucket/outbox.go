package bucket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// The outbox of a place and scope is a directory with one directory for each process that publishes there:
//
//	<outbox>/<id>/lock               held while the process lives
//	<outbox>/<id>/<n>.open           a pack that grows; torn where its process was killed
//	<outbox>/<id>/<sha256>.pack      a sealed pack that no uploaded index names yet
//
// What lies in a directory that nobody holds belongs to the next process. Beside an outbox lie those of other places and scopes, of which some
// never have a process again: a pull request that is closed. What was left there is removed after a while.

const (
	// sealAt is the size at which a pack is sealed.
	sealAt = 64 << 20
	// maxOutbox bounds what waits for upload, in bytes.
	maxOutbox = 1 << 30
	// keptFor is how long what was left over waits for a process.
	keptFor = 7 * 24 * time.Hour
)

// errDamaged says that a file holds nothing that anybody could publish.
var errDamaged = errors.New("it is damaged")

// errFull says that too much waits for upload already.
var errFull = errors.New("the outbox is full")

// outbox is this process's part of it.
type outbox struct {
	dir    string
	lock   io.Closer
	serial int
}

func openOutbox(dir, id string) (*outbox, error) {
	own := filepath.Join(dir, id)
	for try := 0; ; try++ {
		if err := os.MkdirAll(own, 0o700); err != nil {
			return nil, fmt.Errorf("open outbox: %w", err)
		}
		// Before it is locked another process may take the directory for one that was left, and remove it.
		lock, err := takeLock(filepath.Join(own, "lock"))
		if err == nil {
			return &outbox{dir: own, lock: lock}, nil
		}
		if try == 10 {
			return nil, fmt.Errorf("open outbox: %w", err)
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
}

// close leaves nothing behind where nothing waits.
func (o *outbox) close() { removeBox(o.dir, o.lock) }

// packing is a pack that grows.
type packing struct {
	file *os.File
	w    *pack.Writer
	in   *packFile
}

// begin creates a pack.
func (o *outbox) begin(scope Scope) (*packing, error) {
	o.serial++
	f, err := os.OpenFile(filepath.Join(o.dir, strconv.Itoa(o.serial)+".open"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin pack: %w", err)
	}
	w, err := pack.Create(f)
	if err != nil {
		f.Close()
		_ = os.Remove(f.Name())
		return nil, fmt.Errorf("begin pack: %w", err)
	}
	return &packing{f, w, &packFile{scope: scope, local: f.Name()}}, nil
}

// seal ends a pack; nil where it holds nothing.
func (o *outbox) seal(p *packing) (*packFile, error) {
	defer p.file.Close()
	if len(p.w.Records()) == 0 {
		return nil, os.Remove(p.file.Name())
	}
	sum, size, err := p.w.Seal()
	if err != nil {
		return nil, fmt.Errorf("seal pack: %w", err)
	}
	path := filepath.Join(o.dir, sum.String()+".pack")
	p.in.mu.Lock() // who reads it finds it under the one name or the other
	defer p.in.mu.Unlock()
	if err := os.Rename(p.file.Name(), path); err != nil {
		return nil, fmt.Errorf("seal pack: %w", err)
	}
	p.in.ref = pack.Ref{Scope: p.in.scope.Name, Sum: sum, Size: size}
	p.in.local = path
	return p.in, nil
}

// uploaded removes the bytes of a pack that the bucket has and an index names.
func (o *outbox) uploaded(in *packFile) {
	in.mu.Lock()
	path := in.local
	in.local = ""
	in.mu.Unlock()
	if path != "" {
		_ = os.Remove(path)
	}
}

// leftover is a sealed pack of a process that is gone.
type leftover struct {
	in      *packFile
	records []pack.Record
}

// takeOver moves the packs of processes that are gone here, seals torn ones, and returns them. left is told of what is not among them: what is
// damaged is removed, anything else stays for the next process.
func (o *outbox) takeOver(ctx context.Context, scope Scope, left func(path string, err error)) []leftover {
	var all []leftover
	siblings, err := os.ReadDir(filepath.Dir(o.dir))
	if err != nil {
		return nil
	}
	for _, s := range siblings {
		dir := filepath.Join(filepath.Dir(o.dir), s.Name())
		if dir == o.dir || !s.IsDir() {
			continue
		}
		lock, err := takeLock(filepath.Join(dir, "lock"))
		if err != nil {
			continue // it lives
		}
		files, _ := os.ReadDir(dir)
		for _, f := range files {
			path := filepath.Join(dir, f.Name())
			if f.Name() == "lock" || ctx.Err() != nil {
				continue
			}
			l, err := o.adopt(path, scope)
			if err != nil {
				left(path, err)
			}
			if errors.Is(err, errDamaged) || errors.Is(err, pack.ErrCorrupt) {
				_ = os.Remove(path)
			}
			if l != nil {
				all = append(all, *l)
			}
		}
		removeBox(dir, lock)
	}
	return all
}

// removeBox removes a directory that is locked, unless something is left in it.
func removeBox(dir string, lock io.Closer) {
	if files, err := os.ReadDir(dir); err == nil && len(files) <= 1 {
		_ = os.Remove(filepath.Join(dir, "lock"))
		_ = os.Remove(dir)
	}
	lock.Close()
}

// sweepOutboxes removes from the outboxes beside own what was left there long ago.
func sweepOutboxes(own string, now time.Time) {
	boxes, _ := filepath.Glob(filepath.Join(filepath.Dir(own), "*", "*"))
	for _, dir := range boxes {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || filepath.Dir(dir) == own || now.Sub(info.ModTime()) < keptFor {
			continue
		}
		lock, err := takeLock(filepath.Join(dir, "lock"))
		if err != nil {
			continue
		}
		packs, _ := filepath.Glob(filepath.Join(dir, "*.*"))
		for _, path := range packs {
			_ = os.Remove(path)
		}
		removeBox(dir, lock)
		_ = os.Remove(filepath.Dir(dir)) // where it was the last
	}
}

// adopt takes one file of a process that is gone over; nil where there is nothing in it.
func (o *outbox) adopt(path string, scope Scope) (*leftover, error) {
	base := filepath.Base(path)
	switch {
	case strings.HasSuffix(base, ".open"):
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		w, err := pack.Resume(f, info.Size())
		if err != nil {
			return nil, err
		}
		records := w.Records()
		in, err := o.seal(&packing{f, w, &packFile{scope: scope}})
		if err != nil || in == nil {
			return nil, err
		}
		return &leftover{in, records}, nil
	case strings.HasSuffix(base, ".pack"):
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		h := sha256.New()
		size, err := io.Copy(h, f)
		if err != nil {
			return nil, err
		}
		sum := digest.KeyFromSum([sha256.Size]byte(h.Sum(nil)))
		if sum.String()+".pack" != base {
			return nil, fmt.Errorf("%w: its bytes are not those of its name", errDamaged)
		}
		records, err := pack.ReadTable(f, size)
		if err != nil {
			return nil, err
		}
		to := filepath.Join(o.dir, base)
		if err := os.Rename(path, to); err != nil {
			return nil, err
		}
		ref := pack.Ref{Scope: scope.Name, Sum: sum, Size: size}
		return &leftover{&packFile{scope: scope, ref: ref, local: to}, records}, nil
	}
	return nil, fmt.Errorf("%w: no file of ours", errDamaged)
}
