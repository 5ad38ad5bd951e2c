package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/key"
	"github.com/compile-cache/compile-cache-action/internal/recheck"
)

// making is what one run of the compiler made, in the form in which it would be stored.
type making struct {
	status         int
	stdout, stderr []byte // templates
	outputs        []blob
	held           contents
}

// take reads what the compiler just made. An output that it did not write is not there.
func (r *rechecking) take(ran Ran) (*making, error) {
	select {
	case r.memory <- struct{}{}:
		defer func() { <-r.memory }()
	case <-time.After(slotPatience):
		return nil, errors.New("too many compiles are collected at once")
	}
	m := &making{status: ran.Status, stdout: r.roots.Template(ran.Stdout), stderr: r.roots.Template(ran.Stderr)}
	for _, o := range r.comp.Outputs {
		b, _, err := r.collectOne(o, r.watch, &m.held)
		var decline *compile.Decline
		switch {
		case errors.As(err, &decline) && decline.Reason == compile.ReasonOutputFile:
		case err != nil:
			return nil, err
		case b != nil:
			m.outputs = append(m.outputs, *b)
		}
	}
	return m, nil
}

// forget drops what the making holds in memory: what it is compared by stays.
func (m *making) forget() {
	for i := range m.outputs {
		m.outputs[i].open = nil
	}
	m.held.release()
}

func (m *making) output(role string) *blob {
	for i := range m.outputs {
		if m.outputs[i].stored.Role == role {
			return &m.outputs[i]
		}
	}
	return nil
}

func (m *making) same(other *making) bool {
	return m.status == other.status && bytes.Equal(m.stdout, other.stdout) && bytes.Equal(m.stderr, other.stderr) &&
		slices.EqualFunc(m.outputs, other.outputs, func(a, b blob) bool { return a.stored == b.stored })
}

// differences lists what differs between the stored result and a making: status, messages, outputs.
func (r *rechecking) differences(stored *compile.Result, m *making) []recheck.Difference {
	var all []recheck.Difference
	if stored.Status != m.status {
		all = append(all, recheck.Difference{
			What: "status", Offset: -1,
			Stored: recheck.Version{Status: strconv.Itoa(stored.Status)}, Fresh: recheck.Version{Status: strconv.Itoa(m.status)},
		})
	}
	for _, o := range r.comp.Outputs {
		var was, now recheck.Version
		if i := slices.IndexFunc(stored.Outputs, func(s compile.StoredOutput) bool { return s.Role == o.Role }); i >= 0 {
			was = outputVersion(stored.Outputs[i])
		}
		if b := m.output(o.Role); b != nil {
			now = outputVersion(b.stored)
		}
		if was != now {
			all = append(all, recheck.Difference{What: o.Role, Path: o.Path, Offset: -1, Stored: was, Fresh: now})
		}
	}
	for _, s := range []struct {
		what     string
		was, now []byte
	}{{"stdout", stored.Stdout, m.stdout}, {"stderr", stored.Stderr, m.stderr}} {
		if !bytes.Equal(s.was, s.now) {
			all = append(all, recheck.Difference{
				What: s.what, Offset: firstDifference(bytes.NewReader(s.was), bytes.NewReader(s.now)), Stored: textVersion(s.was), Fresh: textVersion(s.now),
			})
		}
	}
	return all
}

func outputVersion(o compile.StoredOutput) recheck.Version {
	return recheck.Version{Digest: o.Blob.String(), Mode: fmt.Sprintf("%#o", o.Mode)}
}

func textVersion(b []byte) recheck.Version { return recheck.Version{Digest: digest.Of(b).String()} }

// describe adds to the differences what this making, the second, has in their places.
func (m *making) describe(differences []recheck.Difference) {
	for i := range differences {
		d := &differences[i]
		switch d.What {
		case "status":
			d.Second.Status = strconv.Itoa(m.status)
		case "stdout":
			d.Second = textVersion(m.stdout)
		case "stderr":
			d.Second = textVersion(m.stderr)
		default:
			if b := m.output(d.What); b != nil {
				d.Second = outputVersion(b.stored)
			}
		}
	}
}

// keepEvidence notes in the differences where the bytes part, and keeps both versions where they are small. It is done before a second
// run writes the outputs again.
func (r *rechecking) keepEvidence(ctx context.Context, differences []recheck.Difference, m *making) {
	for i := range differences {
		d := &differences[i]
		switch d.What {
		case "status":
		case "stdout":
			d.StoredBytes, d.FreshBytes = evidence(r.found.result.Stdout), evidence(m.stdout)
		case "stderr":
			d.StoredBytes, d.FreshBytes = evidence(r.found.result.Stderr), evidence(m.stderr)
		default:
			r.keepOutput(ctx, d, m.output(d.What))
		}
	}
}

func (r *rechecking) keepOutput(ctx context.Context, d *recheck.Difference, b *blob) {
	i := slices.IndexFunc(r.found.result.Outputs, func(s compile.StoredOutput) bool { return s.Role == d.What })
	if i < 0 || b == nil || b.stored.Blob == r.found.result.Outputs[i].Blob {
		return
	}
	was := r.found.result.Outputs[i].Blob
	open := func() (io.ReadCloser, error) { return r.Store.Open(ctx, was) }
	a, err := open()
	if err != nil {
		return
	}
	defer a.Close()
	now, err := b.open()
	if err != nil {
		return
	}
	defer now.Close()
	d.Offset = firstDifference(a, now)
	if max(was.Size(), b.stored.Blob.Size()) <= recheck.MaxEvidence {
		d.StoredBytes, d.FreshBytes = readAll(open), readAll(b.open)
	}
}

func evidence(b []byte) []byte {
	if len(b) > recheck.MaxEvidence {
		return nil
	}
	return append([]byte{}, b...)
}

func readAll(open func() (io.ReadCloser, error)) []byte {
	f, err := open()
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, recheck.MaxEvidence+1))
	if err != nil {
		return nil
	}
	return b
}

// firstDifference returns the offset of the first byte that differs; where one ends is a difference. -1 where there is none, or one
// cannot be read.
func firstDifference(a, b io.Reader) int64 {
	x, y := bufio.NewReader(a), bufio.NewReader(b)
	for at := int64(0); ; at++ {
		p, perr := x.ReadByte()
		q, qerr := y.ReadByte()
		switch {
		case perr == io.EOF && qerr == io.EOF:
			return -1
		case perr != nil && perr != io.EOF || qerr != nil && qerr != io.EOF:
			return -1
		case perr != qerr || p != q:
			return at
		}
	}
}

// conclude acts on a verdict that the results differ: a result whose key is incomplete is withdrawn, and a record is left. fresh is the
// first compile of this recheck.
func (r *rechecking) conclude(ctx context.Context, v compile.Verdict, detail string, differences []recheck.Difference, fresh Ran, unlisted ...string) {
	r.event.Recheck, r.event.Detail = v, detail
	rec := r.record(ctx, fresh)
	rec.Verdict, rec.Differences, rec.Unlisted = v, differences, unlisted
	if v == compile.VerdictIncompleteKey {
		if err := r.withdraw(ctx); err != nil {
			r.Log.Error("a result was found wrong and cannot be withdrawn", "source", r.comp.Source, "key", r.found.key.String(), "error", err)
		} else {
			rec.Withdrawn = true
		}
	}
	r.Log.Warn("recheck: a stored result is not what the compiler makes", "source", r.comp.Source, "key", r.found.key.String(), "verdict", string(v), "detail", detail)
	if r.Quarantine == "" {
		return
	}
	path, err := recheck.Write(r.Quarantine, rec)
	if err != nil {
		r.Log.Warn("write record of a recheck", "source", r.comp.Source, "error", err)
		return
	}
	r.event.Quarantine = path
}

// withdraw takes the key out of use, also where no tier is written: what is known to be wrong is not what is stored.
func (r *rechecking) withdraw(ctx context.Context) error {
	w, ok := r.Store.(cache.Withdrawer)
	if !ok {
		return errors.ErrUnsupported
	}
	return w.Withdraw(ctx, r.found.key)
}

func (r *rechecking) record(ctx context.Context, fresh Ran) *recheck.Record {
	stored := r.found.result
	rec := &recheck.Record{
		Time: r.began.UTC(), Run: r.set.run, Compiler: r.tc.Kind, Program: r.inv.Program, Dir: r.inv.Dir, Args: r.inv.Args, Source: r.comp.Source,
		Compilation: r.recipe.Key.String(), Key: r.found.key.String(),
		Stored: recheck.Making{By: stored.MadeBy, Time: stored.MadeTime, Status: stored.Status, WallMS: ms(stored.Wall)},
		Fresh: recheck.Making{
			By: r.MadeBy, Time: r.began.UTC(), Recipe: string(r.recipe.Text), Tools: key.ToolLines(r.tc), Status: fresh.Status, WallMS: ms(fresh.Wall),
		},
		Set: recheck.InputSet{Bound: r.found.set.Bound, Env: r.found.set.Env, Absent: len(r.found.set.Absent)},
	}
	var was []byte // first bytes of the inputs' digests then
	if o := r.noteOf(ctx); o != nil {
		rec.Stored.Recipe, rec.Stored.Tools, was = o.Recipe, o.Tools, o.Inputs
	}
	view := r.State.NewView()
	for i, p := range r.paths {
		in := recheck.Input{Path: p}
		if d, err := view.Digest(p); err == nil {
			in.Digest = d.String()
			sum := d.Sum()
			if at := i * shortDigest; len(was) >= at+shortDigest && !bytes.Equal(was[at:at+shortDigest], sum[:shortDigest]) {
				in.Was = fmt.Sprintf("%x", was[at:at+shortDigest])
			}
		}
		rec.Set.Inputs = append(rec.Set.Inputs, in)
	}
	return rec
}

// noteOf returns the note of the compile that the stored result is of; nil where it is gone.
func (r *rechecking) noteOf(ctx context.Context) *noted {
	n, ok := r.readNote(ctx)
	if !ok {
		return nil
	}
	id, err := key.SetID(r.found.set)
	if err != nil {
		return nil
	}
	for i := range n.Compiles {
		if n.Compiles[i].Compilation == r.recipe.Key.String() && n.Compiles[i].Set == id.String() {
			return &n.Compiles[i]
		}
	}
	return nil
}
