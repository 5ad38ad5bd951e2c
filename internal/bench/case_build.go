package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Names of variants of a build.
const (
	namePlainCopy = "plain + copy" // and a bare copy of the outputs, which any cache has to make
	coldCcwrap    = "ccwrap cold"
	warmCcwrap    = "ccwrap warm"
	nextCcwrap    = "ccwrap warm, new daemon"
	coldCcache    = "ccache cold"
	warmCcache    = "ccache warm"
)

func (s *suite) project(ctx context.Context) (*Case, error) {
	return s.builds(ctx, "project", "a whole build, cold and warm", true)
}

// tax is the same without the warm builds, so more rounds fit into the time.
func (s *suite) tax(ctx context.Context) (*Case, error) {
	return s.builds(ctx, "tax", "a cold first build against the plain one and a bare copy of its outputs", false)
}

// builder builds one project again and again.
type builder struct {
	*suite
	name         string
	dir          string
	build, clean []string
	samples      map[string][]Sample

	shims, links string   // directories in front of PATH, of ours and of ccache's
	outputs      []string // of the plain build, those that a cache stores
	plain        map[string][sha256.Size]byte
	differing    map[string]int // outputs that differ from the plain build's, by variant
	hits, asked  int64          // of the warm builds of ccwrap
}

func (s *suite) builds(ctx context.Context, name, what string, warm bool) (*Case, error) {
	b := &builder{suite: s, name: name, dir: s.Project.Dir, samples: map[string][]Sample{}, differing: map[string]int{}}
	c := &Case{What: what, Rounds: s.BuildRounds, Settings: map[string]any{}}
	if err := b.makeProject(c); err != nil {
		return nil, err
	}
	if err := b.makeLinks(ctx); err != nil {
		return nil, err
	}
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	if err := b.warmUp(ctx); err != nil {
		return nil, err
	}
	turns := []func(context.Context, int, bool) error{b.turnPlain, b.turnCcwrap}
	if s.ccache != "" {
		turns = append(turns, b.turnCcache)
	}
	for round := range s.BuildRounds {
		for i := range turns {
			if err := turns[(round+i)%len(turns)](ctx, round, warm); err != nil {
				return nil, err
			}
		}
		s.say("  round %d of %d", round+1, s.BuildRounds)
	}
	c.setVariants([]string{namePlain, namePlainCopy, coldCcwrap, warmCcwrap, nextCcwrap, coldCcache, warmCcache}, b.samples)
	for _, pair := range [][2]string{
		{coldCcwrap, namePlainCopy}, {coldCcache, namePlainCopy}, {coldCcwrap, coldCcache},
		{warmCcwrap, namePlain}, {warmCcwrap, warmCcache}, {nextCcwrap, warmCcache}, {warmCcache, namePlain},
	} {
		c.compare(pair[0], pair[1])
	}
	c.add("outputs", float64(len(b.outputs)), "files")
	c.add("outputs of ccwrap that differ from plain", float64(b.differing[nameCcwrap]), "files")
	if s.ccache != "" {
		c.add("outputs of ccache that differ from plain", float64(b.differing[nameCcache]), "files")
	}
	if warm {
		c.add("hits of the warm builds of ccwrap", float64(b.hits), "compiles")
		c.add("all compiles of these", float64(b.asked), "compiles")
	}
	return c, nil
}

func (b *builder) makeProject(c *Case) error {
	p := b.Project
	if p.Dir != "" {
		b.build, b.clean = []string{"/bin/sh", "-c", p.Build}, []string{"/bin/sh", "-c", p.Clean}
		c.Settings["project"], c.Settings["build"], c.Settings["clean"] = p.Dir, p.Build, p.Clean
		return nil
	}
	make := b.lookPath("make")
	if make == "" {
		return fmt.Errorf("no make in PATH")
	}
	var err error
	if b.dir, err = b.directory(b.name, "src"); err != nil {
		return err
	}
	b.build, b.clean = []string{make, "-s", "-j" + strconv.Itoa(p.Jobs)}, []string{make, "-s", "clean"}
	c.Settings["files"], c.Settings["headers"], c.Settings["seed"], c.Settings["jobs"] = p.Files, p.Headers, p.Seed, p.Jobs
	c.Settings["flags"] = strings.Join(b.Flags, " ")
	return writeProject(b.dir, p, b.Flags)
}

// makeLinks makes directories in which compilers are called through ccwrap and ccache.
func (b *builder) makeLinks(ctx context.Context) error {
	root, err := b.directory(b.name, "path")
	if err != nil {
		return err
	}
	b.shims, b.links = filepath.Join(root, "ccwrap"), filepath.Join(root, "ccache")
	scratch := with(b.env, "COMPILE_CACHE_DIR="+filepath.Join(root, "instance"))
	if _, err := b.output(ctx, job{argv: []string{b.program("compile-cache"), "shim", b.shims}, env: scratch, dir: root}); err != nil {
		return err
	}
	if b.ccache == "" {
		return nil
	}
	if err := os.Mkdir(b.links, 0o755); err != nil {
		return err
	}
	names, err := fileNames(b.shims)
	if err != nil {
		return err
	}
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(b.shims, name))
		if err != nil || target != "ccwrap" {
			continue
		}
		if err := os.Symlink(b.ccache, filepath.Join(b.links, name)); err != nil {
			return err
		}
	}
	return nil
}

// infront puts a directory first in PATH.
func infront(env []string, dir string) []string {
	return with(env, "PATH="+dir+string(filepath.ListSeparator)+getenv(env, "PATH"))
}

// warmUp builds once, so that all files have been read, and finds the outputs.
func (b *builder) warmUp(ctx context.Context) error {
	if err := b.makeClean(ctx); err != nil {
		return err
	}
	before, err := outputsBelow(b.dir)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, name := range before {
		there[name] = true
	}
	if _, err := b.run(ctx, job{argv: b.build, env: b.env, dir: b.dir}); err != nil {
		return err
	}
	after, err := outputsBelow(b.dir)
	if err != nil {
		return err
	}
	for _, name := range after {
		if !there[name] {
			b.outputs = append(b.outputs, name)
		}
	}
	if len(b.outputs) == 0 {
		return fmt.Errorf("the build made no objects in %s", b.dir)
	}
	b.plain, err = sums(b.dir, b.outputs)
	return err
}

// outputsBelow lists the files of the kinds that a cache stores.
func outputsBelow(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		switch filepath.Ext(path) {
		case ".o", ".lo", ".obj", ".d", ".dwo", ".gcno", ".su":
			name, err := filepath.Rel(dir, path)
			names = append(names, name)
			return err
		}
		return nil
	})
	return names, err
}

func (b *builder) makeClean(ctx context.Context) error {
	_, err := b.output(ctx, job{argv: b.clean, env: b.env, dir: b.dir})
	return err
}

// measure cleans and builds; in is nil where no daemon takes part, or its CPU is read otherwise.
func (b *builder) measure(ctx context.Context, in *instance, env []string) (Sample, error) {
	if err := b.makeClean(ctx); err != nil {
		return Sample{}, err
	}
	j := job{argv: b.build, env: env, dir: b.dir}
	if in == nil {
		return b.run(ctx, j)
	}
	return in.measure(ctx, j)
}

func (b *builder) keep(name string, round int, sample Sample) {
	sample.Round = round
	b.samples[name] = append(b.samples[name], sample)
}

// compareOutputs notes how many outputs differ from the plain build's.
func (b *builder) compareOutputs(who string) error {
	got, err := sums(b.dir, b.outputs)
	if err != nil {
		return err
	}
	n := 0
	for name, sum := range got {
		if sum != b.plain[name] {
			n++
		}
	}
	b.differing[who] = max(b.differing[who], n)
	return nil
}

func (b *builder) turnPlain(ctx context.Context, round int, _ bool) error {
	built, err := b.measure(ctx, nil, b.env)
	if err != nil {
		return err
	}
	b.keep(namePlain, round, built)
	copied, err := b.copyOutputs(ctx)
	if err != nil {
		return err
	}
	b.keep(namePlainCopy, round, Sample{Wall: built.Wall + copied.Wall, CPU: built.CPU + copied.CPU})
	return nil
}

// copyOutputs copies the outputs elsewhere, with as little as a cache could do.
func (b *builder) copyOutputs(ctx context.Context) (Sample, error) {
	to, err := b.directory(b.name, "copy")
	if err != nil {
		return Sample{}, err
	}
	list := filepath.Join(b.Dir, b.name, "outputs")
	if err := os.WriteFile(list, []byte(strings.Join(b.outputs, "\x00")+"\x00"), 0o644); err != nil {
		return Sample{}, err
	}
	return b.run(ctx, job{argv: []string{"xargs", "-0", "-a", list, "cp", "--parents", "-t", to}, env: b.env, dir: b.dir})
}

func (b *builder) turnCcwrap(ctx context.Context, round int, warm bool) error {
	in, err := b.newInstance(b.name, "cache")
	if err != nil {
		return err
	}
	defer in.stop()
	env := infront(in.env, b.shims)
	cold, err := b.measure(ctx, nil, env)
	if err != nil {
		return err
	}
	if err := b.compareOutputs(nameCcwrap); err != nil {
		return err
	}
	if !warm {
		// The daemon's whole life counts: starting and draining are part of a first build.
		return b.keepCold(in, round, cold)
	}
	began, err := in.cpu()
	if err != nil {
		return err
	}
	cold.DaemonCPU, cold.CPU = began, cold.CPU+began
	b.keep(coldCcwrap, round, cold)
	if err := b.warm(ctx, in, env, warmCcwrap, round); err != nil {
		return err
	}
	if _, err := in.stop(); err != nil {
		return err
	}
	if err := in.start(); err != nil {
		return err
	}
	return b.warm(ctx, in, env, nextCcwrap, round)
}

func (b *builder) keepCold(in *instance, round int, cold Sample) error {
	used, err := in.stop()
	if err != nil {
		return err
	}
	cold.DaemonCPU, cold.CPU = used, cold.CPU+used
	b.keep(coldCcwrap, round, cold)
	return nil
}

// warm builds from a filled cache and counts the hits.
func (b *builder) warm(ctx context.Context, in *instance, env []string, name string, round int) error {
	before, err := in.outcomes()
	if err != nil {
		return err
	}
	sample, err := b.measure(ctx, in, env)
	if err != nil {
		return err
	}
	b.keep(name, round, sample)
	after, err := in.outcomes()
	if err != nil {
		return err
	}
	b.hits += after.Outcomes.Hit - before.Outcomes.Hit
	b.asked += after.Outcomes.Hit + after.Outcomes.Miss - before.Outcomes.Hit - before.Outcomes.Miss
	return b.compareOutputs(nameCcwrap)
}

func (b *builder) turnCcache(ctx context.Context, round int, warm bool) error {
	env, err := b.newCcache(b.name, "ccache")
	if err != nil {
		return err
	}
	env = infront(env, b.links)
	cold, err := b.measure(ctx, nil, env)
	if err != nil {
		return err
	}
	b.keep(coldCcache, round, cold)
	if err := b.compareOutputs(nameCcache); err != nil || !warm {
		return err
	}
	sample, err := b.measure(ctx, nil, env)
	if err != nil {
		return err
	}
	b.keep(warmCcache, round, sample)
	return b.compareOutputs(nameCcache)
}
