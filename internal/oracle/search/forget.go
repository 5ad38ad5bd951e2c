package search

import (
	"context"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// Forget makes a front-end forget something: each function that is not nil changes, in place, what the front-end is told or answers.
type Forget struct {
	Invocation  func(*compile.Invocation)
	Compilation func(*compile.Compilation)
	Toolchain   func(*compile.Toolchain)
	Afterwards  func(*compile.Compilation) // once its toolchain is known
	Inputs      func(*compile.Compilation, *frontend.Inputs)
	Tools       func(*compile.Compilation) string // where this is equal, the toolchain is never asked for again
}

// Parts are those of an engine with such a front-end.
func (f Forget) Parts() Parts {
	return Parts{Frontend: func(fe frontend.Frontend) frontend.Frontend {
		return &forgetful{Frontend: fe, forget: f, first: map[string]*compile.Toolchain{}}
	}}
}

type forgetful struct {
	frontend.Frontend
	forget Forget
	first  map[string]*compile.Toolchain
}

func (f *forgetful) Parse(inv *compile.Invocation, files frontend.Files) (*compile.Compilation, *compile.Decline) {
	if f.forget.Invocation != nil {
		other := *inv
		f.forget.Invocation(&other)
		inv = &other
	}
	c, d := f.Frontend.Parse(inv, files)
	if c != nil && f.forget.Compilation != nil {
		f.forget.Compilation(c)
	}
	return c, d
}

// Map implements frontend.Mapper, as all front-ends under test do.
func (f *forgetful) Map(c *compile.Compilation, tc *compile.Toolchain, maps []frontend.PathMap) (*compile.Compilation, []string) {
	return f.Frontend.(frontend.Mapper).Map(c, tc, maps)
}

func (f *forgetful) Toolchain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	id := ""
	if f.forget.Tools != nil {
		id = f.forget.Tools(c)
		if tc := f.first[id]; tc != nil {
			return tc, nil
		}
	}
	tc, err := f.Frontend.Toolchain(ctx, c, files, ask)
	if err != nil {
		return nil, err
	}
	if f.forget.Tools != nil {
		f.first[id] = tc
	}
	if f.forget.Afterwards != nil {
		f.forget.Afterwards(c)
	}
	if f.forget.Toolchain != nil {
		changed := *tc
		changed.Files = slices.Clone(tc.Files)
		f.forget.Toolchain(&changed)
		tc = &changed
	}
	return tc, nil
}

func (f *forgetful) Inputs(ctx context.Context, c *compile.Compilation, tc *compile.Toolchain, run frontend.Run, files frontend.Files, ask frontend.Prober) (*frontend.Inputs, error) {
	in, err := f.Frontend.Inputs(ctx, c, tc, run, files, ask)
	if err == nil && f.forget.Inputs != nil {
		f.forget.Inputs(c, in)
	}
	return in, err
}

// OfTimes changes what the engine sees of files.
func OfTimes(change func(*frontend.FileInfo)) Parts {
	return Parts{State: func(s *key.State) {
		s.Adjust = func(fi frontend.FileInfo) frontend.FileInfo {
			change(&fi)
			return fi
		}
	}}
}

// WithoutNames drops names that must be absent.
func WithoutNames(drop func(name string) bool) Parts {
	return Forget{Inputs: func(_ *compile.Compilation, in *frontend.Inputs) {
		var groups []compile.AbsentNames
		for _, g := range in.Absent {
			if g.Names = slices.DeleteFunc(slices.Clone(g.Names), drop); len(g.Names) > 0 {
				groups = append(groups, g)
			}
		}
		in.Absent = groups
	}}.Parts()
}

// DropFacts drops facts that begin so, and reports whether there were any.
func DropFacts(c *compile.Compilation, prefix string) bool {
	n := len(c.Facts)
	c.Facts = slices.DeleteFunc(slices.Clone(c.Facts), func(f string) bool { return strings.HasPrefix(f, prefix) })
	return len(c.Facts) < n
}
