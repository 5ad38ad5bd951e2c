package key

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// State is the file system with memory: it implements frontend.Files. A digest is remembered under the file's identity
// and both its times, and only when these could not have stayed the same through a later write.
type State struct {
	// Now is the clock against which the age of files is judged.
	Now func() time.Time
	// Adjust, if not nil, changes what stat says before it is used. Tests truncate times with it: kernels with
	// fine-grained times hide the bug that the age rule prevents.
	Adjust func(frontend.FileInfo) frontend.FileInfo
	// Fine says that the kernel gives distinct times to two writes with a stat between them; see TestTimes.
	Fine bool

	mu      sync.RWMutex
	digests map[fileID]digest.Digest // what a file of this identity holds
	older   map[fileID]digest.Digest // the generation before; together they bound the memory
	seen    map[string]lastSeen      // what a path held when it was last asked for
	files   map[string]*file         // those that input sets name
	dirs    map[string]*listing
	asked   map[string]asked
	classes map[uint64]fsClass // by device
	answers uint64             // counts changes of seen, so that a watch can tell what was known when it began
	hashing singleflight.Group
}

// fileID is the identity under which a digest is remembered.
type fileID struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
}

// lastSeen is the newest answer for a path. Changes during a compile are judged against it.
type lastSeen struct {
	digest   digest.Digest // zero for a directory
	dev, ino uint64
	nlink    uint64
	mode     uint32
	when     uint64 // number of the answer in which this was first seen; see State.answers
}

// fsClass is how far a file system's times can be trusted.
type fsClass uint8

const (
	fsUnknown fsClass = iota
	fsFine            // times as fine as the kernel gives them
	fsLocal           // times of a local file system of unknown granularity
	fsNetwork         // NFS: attributes are current after an open
	fsForeign         // FUSE, 9p, SMB, and what is not known: times say nothing
)

// Granularities of file times: two writes closer than this may bear one time.
const (
	coarseTick  = 20 * time.Millisecond // kernels before 6.13 advance file times in ticks of up to 10 ms
	wholeSecond = 2 * time.Second       // file systems without sub-second digits
)

// maxDigests bounds one generation of remembered digests (about 100 bytes each); maxSeen and maxDirs likewise.
const (
	maxDigests = 400_000
	maxSeen    = 400_000
	maxDirs    = 20_000
)

// NewState returns a State that knows nothing yet.
func NewState(now func() time.Time) *State {
	return &State{
		Now: now, digests: map[fileID]digest.Digest{}, seen: map[string]lastSeen{}, files: map[string]*file{},
		dirs: map[string]*listing{}, asked: map[string]asked{}, classes: map[uint64]fsClass{},
	}
}

// Stat follows links.
func (s *State) Stat(path string) (frontend.FileInfo, error) {
	fi, err := stat(path)
	if err == nil && s.class(fi.Dev, path) == fsNetwork {
		fi, err = statOpen(path)
	}
	if err != nil {
		return fi, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return s.adjust(fi), nil
}

// statOpen opens path first: what stat alone says of a file on NFS may be some seconds old.
func statOpen(path string) (frontend.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return frontend.FileInfo{}, err
	}
	defer f.Close()
	return fstat(f.Fd())
}

func (s *State) adjust(fi frontend.FileInfo) frontend.FileInfo {
	if s.Adjust != nil {
		return s.Adjust(fi)
	}
	return fi
}

// Digest returns the digest of the regular file at path, from memory where its state is unchanged.
func (s *State) Digest(path string) (digest.Digest, error) { return s.digest(path, false) }

// ToolDigest is Digest for files of a toolchain: on file systems whose times say nothing they are hashed once per
// daemon instead of on every compile.
func (s *State) ToolDigest(path string) (digest.Digest, error) { return s.digest(path, true) }

// IsKnown reports whether ToolDigest would answer from memory.
func (s *State) IsKnown(path string) bool {
	fi, err := s.Stat(path)
	if err != nil || !s.usable(fi, path, true) {
		return false
	}
	_, ok := s.recall(fi)
	return ok
}

func (s *State) digest(path string, tool bool) (digest.Digest, error) {
	fi, err := s.Stat(path)
	if err != nil {
		return digest.Digest{}, err
	}
	return s.digestIn(path, fi, tool)
}

// digestIn returns the digest of the file at path, whose state is fi.
func (s *State) digestIn(path string, fi frontend.FileInfo, tool bool) (digest.Digest, error) {
	if s.usable(fi, path, tool) {
		if d, ok := s.recall(fi); ok {
			return d, nil
		}
	}
	// A herd of compiles asks for the same new header at once; one reads it.
	v, err, _ := s.hashing.Do(path, func() (any, error) {
		_, d, err := s.load(path, -1, tool)
		return d, err
	})
	if err != nil {
		return digest.Digest{}, err
	}
	return v.(digest.Digest), nil
}

// Read returns the content and digest of the regular file at path, at most limit bytes.
func (s *State) Read(path string, limit int64) ([]byte, digest.Digest, error) {
	return s.load(path, limit, false)
}

// load reads a file. With a limit it returns the content; with a negative limit only the digest.
func (s *State) load(path string, limit int64, tool bool) ([]byte, digest.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, digest.Digest{}, err
	}
	defer f.Close()
	before, err := fstat(f.Fd())
	if err != nil {
		return nil, digest.Digest{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	before = s.adjust(before)
	if before.Mode&modeType != modeRegular {
		return nil, digest.Digest{}, fmt.Errorf("read %s: not a regular file", path)
	}
	now := s.Now()
	var content []byte
	var d digest.Digest
	if limit >= 0 {
		if before.Size > limit {
			return nil, digest.Digest{}, fmt.Errorf("read %s: %d bytes are more than %d", path, before.Size, limit)
		}
		content = make([]byte, before.Size)
		n, err := io.ReadFull(f, content)
		if err != nil && err != io.ErrUnexpectedEOF {
			return nil, digest.Digest{}, err
		}
		content = content[:n]
		// What is known of this state need not be hashed again.
		known, ok := digest.Digest{}, false
		if s.usable(before, path, tool) {
			known, ok = s.recall(before)
		}
		if d = known; !ok || d.Size() != int64(n) {
			d = digest.Of(content)
		}
	} else {
		h := digest.NewHasher()
		buf := hashBuffers.Get().(*[]byte)
		_, err := io.CopyBuffer(h, onlyReader{f}, *buf)
		hashBuffers.Put(buf)
		if err != nil {
			return nil, digest.Digest{}, err
		}
		d = h.Digest()
	}
	after, err := fstat(f.Fd())
	if err != nil {
		return nil, digest.Digest{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	after = s.adjust(after)
	if identity(after) != identity(before) || d.Size() != before.Size {
		return nil, digest.Digest{}, fmt.Errorf("read %s: it changed while it was read", path)
	}
	if s.usable(after, path, tool) && s.old(after, now) {
		s.remember(after, d)
	}
	return content, d, nil
}

// Learn notes what a file holds that was just written or read whole through fd, so that the next compile that reads it need not hash it.
// Whoever calls knows that nobody writes to it any more. Where times are too coarse to tell a later write, nothing is noted.
func (s *State) Learn(fd uintptr, path string, d digest.Digest) {
	fi, err := fstat(fd)
	if err != nil {
		return
	}
	fi = s.adjust(fi)
	if fi.Mode&modeType == modeRegular && fi.Size == d.Size() && s.usable(fi, path, false) && s.old(fi, s.Now()) {
		s.remember(fi, d)
	}
}

// onlyReader hides that a file can copy itself to a writer: the hasher wants large reads into our buffer.
type onlyReader struct{ io.Reader }

var hashBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// usable reports whether the identity of a file may stand for its content at all.
func (s *State) usable(fi frontend.FileInfo, path string, tool bool) bool {
	switch s.class(fi.Dev, path) {
	case fsFine, fsLocal, fsNetwork:
		return true
	default:
		return tool
	}
}

// old reports whether a file's times lie so far back that no later write can bear the same ones.
func (s *State) old(fi frontend.FileInfo, now time.Time) bool {
	var need time.Duration
	switch {
	case wholeSeconds(fi):
		need = wholeSecond
	case s.Fine && s.class(fi.Dev, "") == fsFine:
		return true
	default:
		need = coarseTick
	}
	limit := now.Add(-need).UnixNano()
	return fi.Mtime < limit && fi.Ctime < limit
}

// wholeSeconds reports whether a file's times look as on a file system that keeps no sub-second digits. (Unpacked files often have such an
// mtime, but no such ctime.)
func wholeSeconds(fi frontend.FileInfo) bool {
	return fi.Mtime%int64(time.Second) == 0 && fi.Ctime%int64(time.Second) == 0
}

// class returns the class of the device on which path lies; it asks once per device.
func (s *State) class(dev uint64, path string) fsClass {
	s.mu.RLock()
	c := s.classes[dev]
	s.mu.RUnlock()
	if c != fsUnknown || path == "" {
		return c
	}
	c = fsClassOf(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.classes[dev] = c
	return c
}

func identity(fi frontend.FileInfo) fileID {
	return fileID{dev: fi.Dev, ino: fi.Ino, size: fi.Size, mtime: fi.Mtime, ctime: fi.Ctime}
}

func (s *State) recall(fi frontend.FileInfo) (digest.Digest, bool) {
	id := identity(fi)
	s.mu.RLock()
	d, ok := s.digests[id]
	if ok {
		s.mu.RUnlock()
		return d, true
	}
	d, ok = s.older[id]
	s.mu.RUnlock()
	if ok {
		s.remember(fi, d)
	}
	return d, ok
}

func (s *State) remember(fi frontend.FileInfo, d digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.digests) >= maxDigests {
		s.older, s.digests = s.digests, make(map[fileID]digest.Digest, maxDigests/4)
	}
	s.digests[identity(fi)] = d
}

// see records what a path held. An equal answer keeps its first number: it has been so since.
func (s *State) see(path string, v lastSeen) {
	s.mu.RLock()
	old, ok := s.seen[path]
	s.mu.RUnlock()
	if v.when = old.when; ok && old == v {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) >= maxSeen {
		clear(s.seen)
	}
	s.answers++
	v.when = s.answers
	s.seen[path] = v
}

// answer returns the number of the newest answer.
func (s *State) answer() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.answers
}

func (s *State) lastSeen(path string) (lastSeen, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.seen[path]
	return v, ok
}

// Warm hashes files so that the first compile need not, a few at a time; it returns when it is done or ctx is. Errors are left to the
// compile that needs the file.
func (s *State) Warm(ctx context.Context, paths []string) {
	var wg sync.WaitGroup
	next := make(chan string)
	for range min(maxWarming, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for path := range next {
				_, _ = s.ToolDigest(path)
			}
		})
	}
	for _, path := range paths {
		select {
		case next <- path:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(next)
	wg.Wait()
}

// maxWarming bounds how many files are hashed at once: compilers want processors too.
const maxWarming = 4
