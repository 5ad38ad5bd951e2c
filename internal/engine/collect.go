package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sort"
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// inMemory is up to which size an output is held in memory between hashing and storing; larger ones are read twice.
const inMemory = 32 << 20

// slotPatience is how long a compile waits to be collected: less than protocol.MaxWait.
const slotPatience = 30 * time.Second

// store turns a finished compile into a result: blobs first, then the result, then the input set, so that nothing is
// ever found that cannot be given. A *compile.Decline says why it must not be stored.
func (c *call) store(ctx context.Context, watch *key.Watch, flight *flight, plan frontend.Plan, ran Ran) error {
	// Who holds a slot may wait for a wrapper that is stopped; ours would not wait for us for ever.
	select {
	case c.memory <- struct{}{}:
		defer func() { <-c.memory }()
	case <-time.After(slotPatience):
		return errors.New("too many compiles are collected at once")
	}
	if !ran.Captured {
		return compile.Refuse(compile.ReasonOutputTooLarge, "messages were not captured whole")
	}
	run := frontend.Run{Status: ran.Status, Plan: plan, Start: watch.Start(), Stdout: ran.Stdout, Stderr: ran.Stderr}
	in, err := c.fe.Inputs(ctx, c.comp, c.tc, run, c.State.NewView(), c.client)
	if err != nil {
		return err
	}
	for _, p := range c.set.extraInputs {
		if !slices.Contains(in.Paths, p) {
			in.Paths = append(in.Paths, p)
		}
	}
	var held contents
	defer held.release()
	blobs, bound, err := c.collect(watch, &held)
	if err != nil {
		return err
	}
	if in.BindAll != "" {
		bound = c.roots.Names()
	}
	for _, p := range in.BindPaths {
		if name := c.roots.Of(p); name != "" {
			bound = union(bound, []string{name})
		}
	}
	bound = union(bound, c.recipe.Bound)
	bound = union(bound, c.boundVariables(in.Env))
	stdout, stderr := c.roots.Template(ran.Stdout), c.roots.Template(ran.Stderr)
	bound = union(bound, c.boundMessages(in, stdout, stderr))

	// The outputs are read: from here on changes no longer matter, so this is the moment to look for earlier ones.
	if p := flight.shared(); p != "" {
		return compile.Refuse(compile.ReasonOutputShared, p)
	}
	digests, err := watch.Unchanged(in)
	if err != nil {
		return err
	}
	if err := c.sameToolchain(ctx, watch); err != nil {
		return err
	}

	set := key.Spell(in, c.roots, bound)
	lookup := key.NewLookup(c.State.NewView(), c.checks, c.recipe, c.roots, c.inv, 1)
	cur, mismatch := lookup.Check(set)
	if mismatch != nil || !slices.Equal(cur.Digests, digests) {
		return compile.Refuse(compile.ReasonInputChanged, "")
	}
	result := &compile.Result{
		Status: ran.Status, Wall: ran.Wall, CPU: ran.CPU, MadeBy: c.MadeBy, MadeTime: c.began.UTC(),
		Stdout: stdout, Stderr: stderr,
	}
	for _, b := range blobs {
		if err := c.Store.Put(ctx, b.stored.Blob, b.open); err != nil {
			return err
		}
		result.Outputs = append(result.Outputs, b.stored)
		c.event.BytesStored += b.stored.Blob.Size()
	}
	if err := c.putResult(ctx, cur.Key, result); err != nil {
		return err
	}
	if err := c.Store.AddInputSet(ctx, c.recipe.Key, set); err != nil {
		return err
	}
	c.event.Key = cur.Key.String()
	c.event.Inputs = len(in.Paths)
	c.use(cur.Key, set, result)
	c.note(ctx, set, cur.Digests)
	return nil
}

// boundMessages returns the roots on which messages depend: those whose text is left in them, and, where they hold roots at all,
// those whose text an input holds. A line that is quoted, or a name that #line gives, is the same in every checkout.
func (c *call) boundMessages(in *frontend.Inputs, templates ...[]byte) []string {
	var bound []string
	mapped := c.comp.MappedMessages // a name that leads to a file may be written out too, and rustc maps what it makes of it
	spelled := mapped
	for _, t := range templates {
		bound = union(bound, c.roots.Left(t))
		spelled = spelled || bytes.IndexByte(t, 0) >= 0
	}
	if !spelled || in.OnlyNotices && !mapped {
		return bound
	}
	for _, p := range in.Paths {
		if c.roots.SpellPath(p) == p && !mapped {
			continue
		}
		held, err := c.held(p)
		if err != nil {
			return c.roots.Names()
		}
		bound = union(bound, held)
	}
	return bound
}

// sameToolchain checks that no part of the compiler was replaced while it ran.
func (c *call) sameToolchain(ctx context.Context, watch *key.Watch) error {
	if err := watch.SameTools(c.comp, c.tc); err != nil {
		return err
	}
	tc, err := c.fe.Toolchain(ctx, c.comp, c.State, c.client)
	if err != nil || key.Identity(tc) != c.id {
		return compile.Refuse(compile.ReasonInputChanged, "the compiler")
	}
	return nil
}

// blob is one collected output.
type blob struct {
	stored compile.StoredOutput
	open   func() (io.ReadCloser, error)
}

// collect reads the outputs that this compile wrote and finds which roots their bytes hold.
func (c *call) collect(watch *key.Watch, held *contents) (blobs []blob, bound []string, err error) {
	for _, o := range c.comp.Outputs {
		b, found, err := c.collectOne(o, watch, held)
		if err != nil {
			return nil, nil, err
		}
		if b == nil {
			continue
		}
		blobs = append(blobs, *b)
		bound = union(bound, found)
	}
	return blobs, bound, nil
}

// collectOne reads one output; nil where an optional one was not written.
func (c *call) collectOne(o compile.Output, watch *key.Watch, held *contents) (*blob, []string, error) {
	f, err := os.OpenFile(o.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if os.IsNotExist(err) && o.Optional {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, compile.Refuse(compile.ReasonOutputFile, err.Error())
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, compile.Refuse(compile.ReasonOutputFile, o.Path+" is not a regular file")
	}
	if before.ModTime().Before(watch.Start()) {
		if o.Optional {
			return nil, nil, nil
		}
		return nil, nil, compile.Refuse(compile.ReasonOutputFile, o.Path+" was not written by the compiler")
	}
	b := &blob{stored: compile.StoredOutput{Role: o.Role, Mode: 0o666, Text: o.Text}}
	if before.Mode()&0o111 != 0 {
		b.stored.Mode = 0o777
	}
	var content []byte
	var n int64
	scan := c.roots.NewScanner()
	switch {
	case o.Text:
		content, err = held.read(f, before.Size())
		n = int64(len(content))
	case before.Size() <= inMemory:
		content, err = held.read(f, before.Size())
		whole := digest.NewContent(content)
		b.stored.Blob, b.open = whole.Digest(), whole.Open
		scan.Write(content)
		n = int64(len(content))
	default:
		hash := digest.NewHasher()
		n, err = io.Copy(io.MultiWriter(hash, scan), f)
		b.stored.Blob = hash.Digest()
		b.open = func() (io.ReadCloser, error) { return os.Open(o.Path) }
	}
	if err != nil {
		return nil, nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if n != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, nil, compile.Refuse(compile.ReasonOutputShared, o.Path)
	}
	if n == 0 && !o.Optional && !o.Empty && !o.Text {
		return nil, nil, compile.Refuse(compile.ReasonOutputFile, o.Path+" is empty")
	}
	if o.Text {
		text := digest.NewContent(c.roots.Template(content))
		b.stored.Blob, b.open = text.Digest(), text.Open
		return b, c.roots.Left(text.Bytes()), nil
	}
	c.State.Learn(f.Fd(), o.Path, b.stored.Blob)
	found := scan.Found()
	c.scans.Set(c.scanOf(b.stored.Blob), found)
	var head [8]byte
	if n, _ := f.ReadAt(head[:], 0); compressed(head[:n], f) {
		return b, c.roots.Names(), nil
	}
	return b, found, nil
}

// removeHidden removes the files that a compiler was told to write for us. They are named one by one: to look for them would list
// those of all compiles under way.
func removeHidden(plan frontend.Plan) {
	for _, p := range plan.Hidden {
		_ = os.Remove(p)
	}
}

func union(a, b []string) []string {
	out := append(append([]string(nil), a...), b...)
	sort.Strings(out)
	return slices.Compact(out)
}

// permissions returns what a plain compiler gives a new file.
func permissions(mode, umask uint32) os.FileMode { return os.FileMode(mode &^ umask & 0o777) }
