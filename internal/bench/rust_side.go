package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// side is one way to build the project: without a cache, with ours, with another's. Each has its own copy of the project, so that
// what one leaves changes nothing for the next. Functions may be nil.
type side struct {
	name     string
	dir      string          // its own: checkout, cache
	checkout string          // where it builds
	argv     []string        // in front of cargo
	env      []string        // of the build
	out      bool            // it takes part in nothing any more
	only     string          // the one kind that it is for; "": all
	lacks    map[string]bool // kinds that it takes no part in
	took     time.Duration   // its last turn; 0 before the first one
	marks    []string        // one is in the environment of each of its processes
	empty    func() error
	restore  func(ctx context.Context, checkout string) (Sample, error) // before cargo, and measured
	after    func(context.Context) (Sample, error)                      // after a first build, and measured
	hits     func(ctx context.Context, said []byte) (hits, others int64, err error)
	farewell func()                                            // asks what it left running to end
	fresh    func(m *remoteAddress, dir string) (*side, error) // a machine that has nothing but the bucket
}

// markVariable tells the processes of a side from others. It steers nothing.
const markVariable = "BENCH_SIDE"

// newSide makes a side with its copy of the project. All daemons that its builds start are found by its mark.
func (b *rustBench) newSide(name string) (*side, error) {
	short := strings.NewReplacer(" ", "-", ",", "").Replace(name)
	dir, err := b.directory(short)
	if err != nil {
		return nil, err
	}
	s := &side{
		name: name, dir: dir, checkout: filepath.Join(dir, "one", filepath.Base(b.o.Project)), lacks: map[string]bool{},
		marks: []string{markVariable + "=" + dir},
	}
	// Neither settings nor caches of whoever runs this are to be found.
	s.env = with(b.env, s.marks[0], "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_CACHE_HOME="+filepath.Join(dir, "home-cache"))
	return s, copyTree(b.o.Project, s.checkout)
}

// machine is the same side with nothing of what it has, in another directory, to build in the same checkout.
func (s *side) machine(dir string) *side {
	m := &side{name: s.name, dir: dir, checkout: s.checkout, argv: s.argv, lacks: s.lacks, marks: []string{markVariable + "=" + dir}}
	m.env = with(s.env, m.marks[0], "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_CACHE_HOME="+filepath.Join(dir, "home-cache"))
	return m
}

// stop ends what a side left running: politely, and then for good.
func (s *side) stop() {
	if s.farewell != nil {
		s.farewell()
	}
	endMarked(s.marks)
}

// build builds in a checkout and measures it, with the CPU of the daemons that live on afterwards.
func (b *rustBench) build(ctx context.Context, s *side, checkout string, env []string) (Sample, []byte, error) {
	before := markedCPU(s.marks)
	sample, said, err := b.runSaying(ctx, job{argv: append(append([]string{}, s.argv...), b.cargoArgs()...), env: env, dir: checkout})
	if err != nil {
		return Sample{}, nil, err
	}
	sample.DaemonCPU = usedSince(before, markedCPU(s.marks))
	sample.CPU += sample.DaemonCPU
	return sample, said, nil
}

// Of waiting until the daemons of a side have come to rest: they used less than a clock tick in that time.
const (
	restStill    = time.Second
	restPatience = time.Minute
)

// rest waits until the daemons of a side have come to rest, and returns the CPU they used until then.
func (b *rustBench) rest(ctx context.Context, s *side) (used time.Duration, err error) {
	for began := b.Now(); ; {
		before := markedCPU(s.marks)
		if len(before) == 0 {
			return used, ctx.Err()
		}
		if err := sleep(ctx, restStill); err != nil {
			return 0, err
		}
		more := usedSince(before, markedCPU(s.marks))
		used += more
		if more < clockTick || b.Now().Sub(began) > restPatience {
			return used, nil
		}
	}
}

// clean removes the target directory, and drops the page cache.
func (b *rustBench) clean(checkout string) error {
	if err := os.RemoveAll(filepath.Join(checkout, "target")); err != nil || !b.DropCaches {
		return err
	}
	return dropCaches()
}

// measured builds and keeps the sample; restored tells to get the target directory from the archive first, where the side has one.
func (b *rustBench) measured(ctx context.Context, s *side, kind, checkout string, round int, restored bool) error {
	var before Sample
	if restored && s.restore != nil {
		var err error
		if before, err = s.restore(ctx, checkout); err != nil {
			return err
		}
	}
	sample, said, err := b.build(ctx, s, checkout, s.env)
	if err != nil {
		return err
	}
	sample.Wall += before.Wall
	sample.CPU += before.CPU
	b.keep(kind, s, round, sample)
	return b.noteBuild(ctx, s, kind, said)
}

// noteBuild notes how many crates cargo had compiled, and how many of these the cache had.
func (b *rustBench) noteBuild(ctx context.Context, s *side, kind string, said []byte) error {
	b.note(kind, s.name+": crates that cargo had built", float64(crates(said)))
	if s.hits == nil {
		return nil
	}
	hits, others, err := s.hits(ctx, said)
	if err != nil {
		return fmt.Errorf("count hits: %w", err)
	}
	b.note(kind, s.name+": hits", float64(hits))
	b.note(kind, s.name+": other calls", float64(others))
	return nil
}

// crates counts the lines in which cargo says that it builds one.
func crates(said []byte) (n int) {
	for line := range bytes.Lines(said) {
		verb, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if s := string(verb); s == "Compiling" || s == "Checking" {
			n++
		}
	}
	return n
}

// differences returns a function that turns counters into what was added since it was last called.
func differences(read func(context.Context) (hits, others int64, err error)) func(context.Context, []byte) (int64, int64, error) {
	var lastHits, lastOthers int64
	return func(ctx context.Context, _ []byte) (int64, int64, error) {
		hits, others, err := read(ctx)
		if err != nil {
			return 0, 0, err
		}
		h, o := hits-lastHits, others-lastOthers
		lastHits, lastOthers = hits, others
		return h, o, nil
	}
}

// firstTurn builds with an empty cache, which is filled afterwards, and leaves no target directory.
func (b *rustBench) firstTurn(ctx context.Context, s *side, round int) error {
	defer os.RemoveAll(filepath.Join(s.checkout, "target"))
	if err := b.firstBuild(ctx, s, round); err != nil {
		if s.name == namePlain {
			return err
		}
		s.out = true
		b.leaveOut(ctx, s, kindFirst, err)
	}
	return ctx.Err()
}

func (b *rustBench) firstBuild(ctx context.Context, s *side, round int) error {
	if s.empty != nil {
		if err := s.empty(); err != nil {
			return err
		}
	}
	if err := b.clean(s.checkout); err != nil {
		return err
	}
	sample, said, err := b.build(ctx, s, s.checkout, s.env)
	if err != nil {
		return err
	}
	// What is left to the background is part of a first build.
	rest, err := b.rest(ctx, s)
	if err != nil {
		return err
	}
	sample.DaemonCPU += rest
	sample.CPU += rest
	if s.after != nil {
		more, err := s.after(ctx)
		if err != nil {
			return err
		}
		sample.Wall += more.Wall
		sample.CPU += more.CPU
	}
	b.keep(kindFirst, s, round, sample)
	if err := b.noteBuild(ctx, s, kindFirst, said); err != nil {
		return err
	}
	if s.name == namePlain {
		return b.copyPlain(ctx, s, round, sample)
	}
	return nil
}

// turn measures one side in all that it takes part in, and leaves no target directory.
func (b *rustBench) turn(ctx context.Context, s *side, round int) error {
	defer os.RemoveAll(filepath.Join(s.checkout, "target"))
	if b.wants("warm") || b.wants("commit") {
		b.try(ctx, s, kindWarm, func() error { return b.warmTurn(ctx, s, round) })
	}
	if b.wants("path") && s.name != namePlain {
		b.try(ctx, s, kindPath, func() error { return b.pathTurn(ctx, s, round) })
	}
	if s.fresh != nil && b.remote != nil {
		b.try(ctx, s, kindFresh, func() error { return b.freshTurn(ctx, s, round) })
	}
	return ctx.Err()
}

// try does a part of a turn, unless the side is left out of it, or ctx has ended.
func (b *rustBench) try(ctx context.Context, s *side, kind string, part func() error) {
	if ctx.Err() != nil || s.lacks[kind] || s.only != "" && s.only != kind {
		return
	}
	if err := part(); err != nil {
		b.leaveOut(ctx, s, kind, err)
	}
}

// warmTurn measures what starts from a filled cache.
func (b *rustBench) warmTurn(ctx context.Context, s *side, round int) error {
	if round == 0 && slices.Contains(timedSides, s.name) {
		if err := b.noteScripts(ctx, s); err != nil {
			return err
		}
	}
	if err := b.clean(s.checkout); err != nil {
		return err
	}
	if err := b.measured(ctx, s, kindWarm, s.checkout, round, true); err != nil {
		return err
	}
	if err := b.measured(ctx, s, kindNoop, s.checkout, round, false); err != nil {
		return err
	}
	if b.wants("commit") {
		b.try(ctx, s, kindMidKept, func() error { return b.commitTurn(ctx, s, round) })
	}
	return nil
}

// pathTurn builds in a checkout that is new in each round: what a build there leaves in the cache is of no use to the next.
func (b *rustBench) pathTurn(ctx context.Context, s *side, round int) error {
	root := filepath.Join(s.dir, fmt.Sprintf("other-%d", round))
	checkout := filepath.Join(root, filepath.Base(b.o.Project))
	if err := copyTree(b.o.Project, checkout); err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := b.clean(checkout); err != nil {
		return err
	}
	return b.measured(ctx, s, kindPath, checkout, round, true)
}
