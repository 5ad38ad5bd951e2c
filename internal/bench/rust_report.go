package bench

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// makeReport makes the report of what has been measured so far.
func (b *rustBench) makeReport() *Report {
	r := *b.report
	r.Absent = b.absent
	names := []string{namePlain, namePlainCopy}
	for _, s := range b.sides {
		if s.name != namePlain {
			names = append(names, s.name)
		}
	}
	for _, kind := range rustKinds {
		if len(b.samples[kind.name]) == 0 {
			continue
		}
		c := &Case{Name: kind.name, What: kind.what, Settings: b.settings()}
		c.setVariants(names, b.samples[kind.name])
		for _, v := range c.Variants {
			c.Rounds = max(c.Rounds, v.Runs)
			if v.Name != nameCcwrap {
				c.compare(nameCcwrap, v.Name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(b.counts[kind.name])) {
			c.add(name, median(slices.Clone(b.counts[kind.name][name])), "")
		}
		if kind.name == kindFirst {
			c.Numbers = append(c.Numbers, b.more...)
		}
		r.Cases = append(r.Cases, c)
	}
	if b.wrapper != nil {
		r.Cases = append(r.Cases, b.wrapper)
	}
	r.Gates = b.gates()
	r.Machine.LoadEnd = load()
	r.Seconds = round(b.Now().Sub(r.Began).Seconds())
	return &r
}

func (b *rustBench) settings() map[string]any {
	cache := "kept"
	if b.DropCaches {
		cache = "dropped before each build without target directory"
	}
	return map[string]any{
		"project": filepath.Base(b.o.Project), "cargo": strings.Join(b.cargoArgs(), " "), "CARGO_INCREMENTAL": 0, "page cache": cache, "round trip": b.o.RoundTrip.String(),
		"leaf": or(b.o.Leaf, "none"), "mid": or(b.o.Mid, "none"), "set": or(strings.Join(b.o.Set, " "), "nothing"),
	}
}

// median of a side in a kind of builds; ok is false where it was not measured.
func (b *rustBench) median(kind, name string, of func(Sample) time.Duration) (ms float64, ok bool) {
	samples := b.samples[kind][name]
	return summarize(samples, of).Median, len(samples) > 0
}

// gates are the rows of the project's budgets for cargo builds. The ratios are those of medians.
func (b *rustBench) gates() []Gate {
	gates := []Gate{}
	add := func(what string, gate, goal, measured float64, unit string) {
		gates = append(gates, Gate{What: what, Gate: gate, Goal: goal, Measured: round(measured), Unit: unit, Met: measured <= gate, GoalMet: measured <= goal})
	}
	wall := func(kind, name string) (float64, bool) { return b.median(kind, name, wallOf) }
	warm, hasWarm := wall(kindWarm, nameCcwrap)
	if floor, ok := wall(kindWarm, nameReplay); ok && hasWarm {
		add("warm build, wall, against the replay", 1.25, 1.10, warm/floor, "ratio")
	}
	first, ok := b.median(kindFirst, nameCcwrap, cpuOf)
	if floor, has := b.median(kindFirst, namePlainCopy, cpuOf); ok && has {
		add("first build, CPU, against plain and a copy", 1.05, 1.03, first/floor, "ratio")
	}
	if fresh, ok := wall(kindFresh, nameCcwrap); ok && hasWarm && b.unpack > 0 {
		add(fmt.Sprintf("fresh machine, bucket at %d ms, wall, against warm with unpack and hash", b.o.RoundTrip.Milliseconds()), 1.3, 1.15,
			fresh/(warm+milliseconds(b.unpack)), "ratio")
	}
	noop, hasNoop := wall(kindNoop, namePlain)
	for _, of := range []struct{ what, clean, kept string }{
		{"next commit, leaf", kindLeafClean, kindLeafKept}, {"next commit, amid the graph", kindMidClean, kindMidKept},
	} {
		clean, ok := wall(of.clean, nameCcwrap)
		changed, has := wall(of.kept, namePlain)
		if ok && has && hasNoop && hasWarm {
			add(of.what+", wall, against warm with plain compiles of what changed", 1.3, 1.1, clean/(warm+max(0, changed-noop)), "ratio")
		}
	}
	if b.wrapper != nil {
		if v := b.wrapper.variant(nameCcwrap); v != nil {
			add("CPU of a call of ccwrap", 2, 2, v.CPUMS.Median, "ms")
		}
	}
	return gates
}
