package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// classes are the trust classes that a store keeps apart.
var classes = []string{"trusted", "pr", "local"}

// maxVerified bounds the blobs whose verified state is remembered, each in about 130 bytes.
const maxVerified = 1 << 17

// DefaultMemoryBytes is how much decoded results and input sets a store keeps in memory.
const DefaultMemoryBytes = 64 << 20

// Options says where a store is and how it behaves.
type Options struct {
	Dir   string // the instance directory; made where absent
	Class string // the trust class that is read first and written: "trusted", "pr" or "local"

	// ReadClasses are read after Class, in order. Nil means the default: "trusted" for "pr", none for the others.
	ReadClasses []string

	MaxBytes    int64            // trimmed when more is stored; 0 is no limit
	MemoryBytes int64            // for decoded records; 0 means DefaultMemoryBytes
	Now         func() time.Time // required
	Logger      *slog.Logger     // nil discards

	// Before is called before each file operation that can fail for want of space, rights or luck; its error
	// takes the operation's place. It is for tests, and nil otherwise. It may be called from many goroutines.
	Before func(op Op, path string) error
}

// Store is a cache.Store, cache.FileOpener, cache.Notes, cache.Withdrawer and cache.Closer on a directory.
type Store struct {
	opts    Options
	classes []string // own class, then the other readable ones; a class is its index here
	dir     string   // store/v1
	files   files
	log     *slog.Logger
	now     func() time.Time

	memory    *memory
	withdrawn *withdrawn
	verified  *recent.Map[[32]byte, state] // the states at which blobs were hashed and found right
	uses      *uses
	size      *size
	keeper    *keeper

	fullUntil atomic.Int64 // nanoseconds since the epoch; puts are refused before
	lastAdded atomic.Int64 // time given to the last input set, so that two never have the same
}

var (
	_ cache.Store      = (*Store)(nil)
	_ cache.FileOpener = (*Store)(nil)
	_ cache.Notes      = (*Store)(nil)
	_ cache.Closer     = (*Store)(nil)
	_ cache.Withdrawer = (*Store)(nil)
)

// Open opens the store of an instance directory and makes what is missing of it. It refuses a store that is not this
// user's alone: owned by another, open to group or others, or a link. Close must be called.
func Open(opts Options) (*Store, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.MemoryBytes == 0 {
		opts.MemoryBytes = DefaultMemoryBytes
	}
	if opts.ReadClasses == nil && opts.Class == "pr" {
		opts.ReadClasses = []string{"trusted"}
	}
	read := append([]string{opts.Class}, opts.ReadClasses...)
	for i, c := range read {
		if !slices.Contains(classes, c) || slices.Contains(read[:i], c) {
			return nil, fmt.Errorf("open store: %q is no trust class or is read twice", c)
		}
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	opts.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	root := storeDir(dir)
	for _, d := range []string{filepath.Dir(root), root} {
		if err := os.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("open store: %w", err)
		}
		if err := checkPrivate(d); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	s := &Store{
		opts:      opts,
		classes:   read,
		dir:       root,
		files:     files{before: opts.Before},
		log:       opts.Logger,
		now:       opts.Now,
		memory:    newMemory(opts.MemoryBytes),
		withdrawn: newWithdrawn(opts.Dir, read),
		verified:  recent.New[[32]byte, state](maxVerified),
		uses:      newUses(),
	}
	s.size = newSize(s.sizePath())
	s.keeper = startKeeper(s)
	return s, nil
}

// Close saves last uses and the size, waits for the trimming to stop, and drops what remains when ctx ends.
func (s *Store) Close(ctx context.Context) error {
	return s.keeper.close(ctx)
}

// storeDir returns the directory of a store's files.
func storeDir(instance string) string { return filepath.Join(instance, "store", "v1") }

// kind is what a file holds.
type kind uint8

const (
	kindBlob kind = iota
	kindResult
	kindSets // all input sets of one compilation: a directory
	kindNote
	kinds
)

// String returns the name used in paths and records.
func (k kind) String() string { return [kinds]string{"blob", "result", "set", "note"}[k] }

// name is what is stored: one file, or one directory of input sets.
type name struct {
	kind  kind
	class uint8 // index into Store.classes; 0 for blobs
	sum   [32]byte
}

func blobName(d digest.Digest) name { return name{kind: kindBlob, sum: d.Sum()} }

func (n name) hex() string { return fmt.Sprintf("%x", n.sum[:]) }

// label is how errors and quarantined files are called.
func (n name) label() string { return n.kind.String() + " " + n.hex() }

// path returns where a name is stored. It is called at every lookup, so it builds one string.
func (s *Store) path(n name) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 256)
	b = append(append(b, s.dir...), '/')
	if n.kind == kindBlob {
		b = append(b, "cas/"...)
	} else {
		b = append(append(b, s.classes[n.class]...), '/')
		b = append(append(b, n.kind.String()...), '/')
	}
	b = append(b, digits[n.sum[0]>>4], digits[n.sum[0]&15], '/')
	for _, c := range n.sum {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return string(b)
}

func (s *Store) classPath(class uint8) string { return s.dir + "/" + s.classes[class] }
func (s *Store) tmpPath() string              { return s.dir + "/tmp" }
func (s *Store) sizePath() string             { return s.dir + "/size" }
func (s *Store) lockPath() string             { return s.dir + "/trim.lock" }

// fullPause is how long puts are refused after the disk was found full, so that a full disk does not cost
// a failing write in each compile.
const fullPause = 10 * time.Second

// refusePut returns why nothing is put now, or nil.
func (s *Store) refusePut(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if until := s.fullUntil.Load(); until != 0 && s.now().UnixNano() < until {
		return fmt.Errorf("the disk was full %s ago: %w", s.now().Sub(time.Unix(0, until-int64(fullPause))).Round(time.Second), cache.ErrReadOnly)
	}
	return nil
}

// putFailed notes a full disk and returns err.
func (s *Store) putFailed(err error) error {
	if diskFull(err) {
		s.fullUntil.Store(s.now().Add(fullPause).UnixNano())
	}
	return err
}
