package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// The file store/v1/size says about how much is stored, so that neither opening nor statistics walk the store:
//
//	compile-cache size 1
//	bytes 123456789
//	blobs 2000
//	results 1000
//	sets 1010
//	notes 990
//	counted 1793700000        when all was last counted, in seconds since the epoch
//
// A process adds what it put since it last wrote the file to what the file says then. Two that do so at the same moment lose one
// of the sums, and a killed one loses its last second; therefore everything is counted again when trimming, and at
// an open a day after the last count.
const sizeFormat = "compile-cache size 1\nbytes %d\nblobs %d\nresults %d\nsets %d\nnotes %d\ncounted %d\n"

// recountAfter is how long a count is believed when a store is opened.
const recountAfter = 24 * time.Hour

// block is what file systems allocate; a store of small records takes several times the sum of their lengths.
const block = 4096

// directoryFootprint is what the directory of one compilation's sets takes.
const directoryFootprint = block

// footprint returns what a file of this size takes on disk.
func footprint(size int64) int64 { return (size + block - 1) &^ (block - 1) }

// counts is an amount of stored things, or a change of it.
type counts struct {
	bytes int64 // allocated, about
	files [kinds]int64
}

func (c *counts) add(k kind, files, bytes int64) {
	c.files[k] += files
	c.bytes += bytes
}

// plus returns the sum, nothing of it negative.
func (c counts) plus(other counts) counts {
	c.bytes = max(0, c.bytes+other.bytes)
	for k := range c.files {
		c.files[k] = max(0, c.files[k]+other.files[k])
	}
	return c
}

func (c counts) minus(other counts) counts {
	c.bytes -= other.bytes
	for k := range c.files {
		c.files[k] -= other.files[k]
	}
	return c
}

// size is the running count of a process.
type size struct {
	path string

	mu      sync.Mutex
	base    counts // of the file when last read or written; guarded by mu, as the rest
	counted int64  // of the file
	change  counts // since then, by this process
}

func newSize(path string) *size {
	z := &size{path: path}
	z.base, z.counted, _ = readSize(path)
	return z
}

func (z *size) add(change counts) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.change.bytes += change.bytes
	for k, n := range change.files {
		z.change.files[k] += n
	}
}

func (z *size) bytes() int64 {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.base.plus(z.change).bytes
}

// stale reports whether everything should be counted.
func (z *size) stale(now time.Time) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return now.Unix()-z.counted > int64(recountAfter/time.Second)
}

func (z *size) pending() counts {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.change
}

// set makes c the base, at the time counted, and takes away the changes that it includes.
func (z *size) set(c counts, counted int64, included counts) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.base, z.counted, z.change = c, counted, z.change.minus(included)
}

// saveSize adds this process's changes to the file.
func (s *Store) saveSize() error {
	change := s.size.pending()
	base, counted, err := readSize(s.size.path)
	if err == nil && change == (counts{}) {
		s.size.set(base, counted, change)
		return nil
	}
	return s.writeSize(base.plus(change), counted, change)
}

func (s *Store) writeSize(c counts, counted int64, included counts) error {
	b := fmt.Appendf(nil, sizeFormat, c.bytes, c.files[kindBlob], c.files[kindResult], c.files[kindSets], c.files[kindNote], counted)
	if err := s.files.replace(s.tmpPath(), s.size.path, b, time.Time{}); err != nil {
		return fmt.Errorf("save size: %w", err)
	}
	s.size.set(c, counted, included)
	return nil
}

func readSize(path string) (c counts, counted int64, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return counts{}, 0, err
	}
	_, err = fmt.Sscanf(string(b), sizeFormat, &c.bytes, &c.files[kindBlob], &c.files[kindResult], &c.files[kindSets], &c.files[kindNote], &counted)
	if err != nil {
		return counts{}, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return counts{}.plus(c), counted, nil
}

// Sizes says how much a store holds, about.
type Sizes struct {
	Bytes                            int64 // on disk
	Blobs, Results, InputSets, Notes int64
}

// Usage returns how much the store of an instance directory holds, without opening it. It walks the store only where its count
// is missing. An absent store holds nothing.
func Usage(ctx context.Context, instance string) (Sizes, error) {
	dir := storeDir(instance)
	c, _, err := readSize(dir + "/size")
	if err != nil {
		c = counts{}
		w := walker{dir: dir, visit: func(i item) error {
			c = c.plus(i.counts)
			return nil
		}}
		if err := w.walk(ctx); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Sizes{}, fmt.Errorf("measure the store: %w", err)
		}
	}
	return c.sizes(), nil
}

func (c counts) sizes() Sizes {
	return Sizes{
		Bytes: c.bytes, Blobs: c.files[kindBlob], Results: c.files[kindResult], InputSets: c.files[kindSets], Notes: c.files[kindNote],
	}
}
