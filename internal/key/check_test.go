package key

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Every rule of what a key holds, by a change that must give another key or none.
func TestKeyHoldsState(t *testing.T) {
	root := filepath.Join(t.TempDir(), "proj")
	for _, name := range []string{"a.c", "x.h", "y.h", "inc/keep"} {
		write(t, filepath.Join(root, name), name)
	}
	roots := Roots{{"checkout", root}}
	inv := &compile.Invocation{Dir: root, Env: []string{"A=1"}}
	set := &compile.InputSet{
		Bound: []string{"checkout"}, Paths: []string{"<checkout>/a.c", "<checkout>/x.h", "<checkout>/y.h"},
		Absent: []compile.AbsentNames{{Dirs: []string{"<checkout>/inc", "<checkout>/none"}, Names: []string{"x.h", "y.h"}}},
		Env:    []string{"A", "B"}, Once: []int{1, 2},
	}
	s, _ := newState(t)
	checks := NewChecks()
	rec := Recipe{Key: digest.KeyOf([]byte("recipe"))}
	check := func(inv *compile.Invocation, roots Roots) (digest.Key, *Mismatch) {
		cur, m := NewLookup(s.NewView(), checks, rec, roots, inv, 1).Check(set)
		return cur.Key, m
	}
	base, m := check(inv, roots)
	if m != nil {
		t.Fatalf("Check = %+v", m)
	}
	if again, _ := check(inv, roots); again != base {
		t.Fatal("the key differs although nothing changed")
	}
	expect := func(what string, inv *compile.Invocation) {
		t.Helper()
		if k, m := check(inv, roots); m == nil && k == base {
			t.Errorf("%s: the key is the same", what)
		}
	}
	same := func(what string) {
		t.Helper()
		if k, m := check(inv, roots); m != nil || k != base {
			t.Fatalf("%s: the key is another, %+v", what, m)
		}
	}
	p := func(name string) string { return filepath.Join(root, name) }

	write(t, p("a.c"), "a.d")
	expect("source edited", inv)
	write(t, p("a.c"), "a.c")
	same("source edited back")

	write(t, p("x.h"), "y.h")
	write(t, p("y.h"), "x.h")
	expect("two headers swapped contents", inv)
	write(t, p("x.h"), "x.h")
	write(t, p("y.h"), "y.h")
	same("headers swapped back")

	write(t, p("inc/x.h"), "")
	if _, m := check(inv, roots); m == nil || m.Present != p("inc/x.h") {
		t.Errorf("a name that should be absent appeared: %+v", m)
	}
	if err := os.Remove(p("inc/x.h")); err != nil {
		t.Fatal(err)
	}
	same("the name is absent again")
	if err := os.Mkdir(p("none"), 0o755); err != nil {
		t.Fatal(err)
	}
	same("an empty directory appeared")
	write(t, p("none/y.h"), "")
	expect("a name appeared in a directory that was missing", inv)
	if err := os.RemoveAll(p("none")); err != nil {
		t.Fatal(err)
	}

	expect("variable changed", &compile.Invocation{Dir: root, Env: []string{"A=2"}})
	expect("variable unset", &compile.Invocation{Dir: root})
	expect("variable set to nothing", &compile.Invocation{Dir: root, Env: []string{"A=1", "B="}})
	if err := os.Rename(p("y.h"), p("z.h")); err != nil {
		t.Fatal(err)
	}
	if _, m := check(inv, roots); m == nil || m.Missing != p("y.h") {
		t.Errorf("an input is missing: %+v", m)
	}
	if _, m := check(inv, nil); m == nil {
		t.Error("a set applies though its root is unknown")
	}
	rec.Key = digest.KeyOf([]byte("another recipe"))
	if err := os.Rename(p("z.h"), p("y.h")); err != nil {
		t.Fatal(err)
	}
	expect("another recipe", inv)
}

// A bound set has another key in another checkout, a free one the same.
func TestBoundRoots(t *testing.T) {
	s, _ := newState(t)
	rec := Recipe{Key: digest.KeyOf(nil)}
	keys := map[string][]digest.Key{}
	for _, name := range []string{"one", "two"} {
		root := filepath.Join(t.TempDir(), name)
		write(t, filepath.Join(root, "a.c"), "same")
		for kind, bound := range map[string][]string{"free": nil, "bound": {"checkout"}} {
			set := &compile.InputSet{Bound: bound, Paths: []string{"<checkout>/a.c"}}
			cur, m := NewLookup(s.NewView(), NewChecks(), rec, Roots{{"checkout", root}}, &compile.Invocation{}, 1).Check(set)
			if m != nil {
				t.Fatalf("%+v", m)
			}
			keys[kind] = append(keys[kind], cur.Key)
		}
	}
	if keys["free"][0] != keys["free"][1] {
		t.Error("a free set has another key in another checkout")
	}
	if keys["bound"][0] == keys["bound"][1] {
		t.Error("a bound set has the same key in another checkout")
	}
}

// gcc takes two files of equal content with #pragma once for one file when their mtimes are equal too.
func TestOnceTwins(t *testing.T) {
	s, _ := newState(t)
	root := t.TempDir()
	for _, name := range []string{"a.h", "b.h", "c.h"} {
		write(t, filepath.Join(root, name), "#pragma once")
	}
	at := time.Now().Add(-time.Hour)
	touch := func(name string, when time.Time) {
		if err := os.Chtimes(filepath.Join(root, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	set := &compile.InputSet{Paths: []string{root + "/a.h", root + "/b.h", root + "/c.h"}, Once: []int{0, 1, 2}}
	check := func() digest.Key {
		cur, m := NewLookup(s.NewView(), NewChecks(), Recipe{}, nil, &compile.Invocation{}, 1).Check(set)
		if m != nil {
			t.Fatalf("%+v", m)
		}
		return cur.Key
	}
	touch("a.h", at)
	touch("b.h", at)
	touch("c.h", at)
	all := check()
	touch("c.h", at.Add(time.Second))
	two := check()
	touch("c.h", at)
	touch("b.h", at.Add(time.Second))
	other := check()
	touch("a.h", at.Add(2*time.Second))
	none := check()
	seen := map[digest.Key]bool{all: true, two: true, other: true, none: true}
	if len(seen) != 4 {
		t.Errorf("%d keys for four partitions of equal mtimes", len(seen))
	}
	touch("a.h", at.Add(5*time.Second))
	if check() != none {
		t.Error("the times themselves are in the key; only their equality may be")
	}
	// clang takes two names of one inode for one file.
	if err := os.Remove(filepath.Join(root, "c.h")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(root, "b.h"), filepath.Join(root, "c.h")); err != nil {
		t.Fatal(err)
	}
	linked := check()
	if err := os.Remove(filepath.Join(root, "c.h")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "c.h"), "#pragma once")
	touch("c.h", at.Add(time.Second))
	if check() == linked {
		t.Error("a link replaced by a copy of equal content and time gives the same key")
	}
}
