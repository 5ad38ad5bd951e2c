package bucket

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// small is a project of a few files that takes no time: what is tested is not the compiler.
type small struct {
	dir   string
	files []string
}

// newSmall makes n files whose contents nobody else has: word is in them.
func newSmall(t *testing.T, dir, word string, n int) *small {
	t.Helper()
	s := &small{dir: dir}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		name := fmt.Sprintf("%s%d.c", word, i)
		text := fmt.Sprintf("#include <stddef.h>\nchar const *%s%d(void);\nchar const *%s%d(void) { return \"%s%d\"; }\n", word, i, word, i, word, i)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, name)
	}
	return s
}

// script compiles the files one after another.
func (s *small) script() []string {
	return append([]string{"sh", "-ec", `for f; do gcc -O1 -c "$f"; done`, "sh"}, s.files...)
}

// plainly compiles without us and takes the objects away.
func (s *small) plainly(t *testing.T) *result {
	t.Helper()
	r := execute(t, s.dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}, s.script()...)
	r.outputs = s.take(t)
	if r.status != 0 || len(r.outputs) != len(s.files) {
		t.Fatalf("status %d, outputs %v: %s", r.status, r.outputs, r.stderr)
	}
	return r
}

// build compiles on a machine, takes the objects away, and compares.
func (s *small) build(m *machine, j job, want *result) *result {
	m.t.Helper()
	r := m.execute(j, s.dir, append([]string{filepath.Join(m.root, "programs", "compile-cache"), "run", "--"}, s.script()...)...)
	r.outputs = s.take(m.t)
	if d := difference(want, r); d != "" {
		m.t.Errorf("the build is not as without us: %s", d)
	}
	return r
}

func (s *small) take(t *testing.T) map[string]string {
	t.Helper()
	all := tree(t, s.dir)
	for name := range all {
		if strings.HasSuffix(name, ".c") {
			delete(all, name)
		} else if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// seeded returns a source of randomness whose seed is printed, so that a failure can be repeated: E2E_SEED sets it.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("E2E_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("E2E_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A damaged bucket gives misses, or hits from what is whole; it never gives wrong bytes, and no build fails.
func TestDamagedObjectsGiveNoWrongOutput(t *testing.T) {
	const rounds, files = 48, 4
	random := seeded(t)
	shared := filepath.Join(directory(t), "shared")
	url := "file://" + shared
	project := newSmall(t, filepath.Join(directory(t), "src"), "poison", files)
	want := project.plainly(t)
	project.build(newMachine(t, url), push(t, 1), want)
	project.build(newMachine(t, url), push(t, 2), want) // reads, and leaves a profile of what it read
	whole := map[string][]byte{}
	kinds := map[string][]string{}
	for name := range tree(t, shared) {
		b, err := os.ReadFile(filepath.Join(shared, name))
		if err != nil {
			t.Fatal(err)
		}
		whole[name] = b
		for _, kind := range []string{"pack", "index", "profile"} {
			if strings.Contains(name, "/"+kind+"/") {
				kinds[kind] = append(kinds[kind], name)
			}
		}
	}
	for _, kind := range []string{"pack", "index", "profile"} {
		if len(kinds[kind]) == 0 {
			t.Fatalf("the bucket has no %s: %v", kind, kinds)
		}
		slices.Sort(kinds[kind])
	}

	harmless, complaints := 0, 0
	for round := range rounds {
		kind := []string{"pack", "index", "profile"}[round%3]
		name := kinds[kind][random.IntN(len(kinds[kind]))]
		b := slices.Clone(whole[name])
		var what string
		if at := random.IntN(len(b)); round%4 == 3 {
			b, what = b[:at], fmt.Sprintf("%s: cut at %d of %d", name, at, len(b))
		} else {
			bit := byte(1) << random.IntN(8)
			b[at] ^= bit
			what = fmt.Sprintf("%s: byte %d of %d xor %#x", name, at, len(b), bit)
		}
		replace(t, filepath.Join(shared, name), b)
		m := newMachine(t, url).with("COMPILE_CACHE_READONLY", "1")
		r := project.build(m, push(t, 3+round), want)
		s := m.stats()
		if got := s.Outcomes["hit"] + s.Outcomes["miss"]; got != files {
			t.Errorf("%s: outcomes %v, want %d hits and misses", what, s.Outcomes, files)
		}
		if s.HitsByTier["bucket"] == files {
			harmless++
		}
		complaints += len(r.warnings())
		if t.Failed() {
			t.Fatalf("%s", what)
		}
		m.kill()
		replace(t, filepath.Join(shared, name), whole[name])
	}
	t.Logf("%d of %d damages cost no hit; %d warnings", harmless, rounds, complaints)
	if harmless == rounds {
		t.Error("no damage cost a hit, so nothing is proved")
	}
	m := newMachine(t, url).with("COMPILE_CACHE_READONLY", "1")
	project.build(m, push(t, 1000), want)
	m.stats().outcomes(t, map[string]int{"bucket": files}, 0)
}

// replace puts a file in the place of another; objects are never changed in place.
func replace(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name+".new", b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// Objects under each other's names, and strangers among them, give no wrong output either.
func TestSwappedObjectsGiveNoWrongOutput(t *testing.T) {
	shared := filepath.Join(directory(t), "shared")
	url := "file://" + shared
	var projects []*small
	var wants []*result
	for i, word := range []string{"left", "right"} {
		p := newSmall(t, filepath.Join(directory(t), "src"), word, 2)
		projects, wants = append(projects, p), append(wants, p.plainly(t))
		p.build(newMachine(t, url), push(t, 1+i), wants[i])
	}
	groups := map[string][]string{}
	for name := range tree(t, shared) {
		dir := filepath.Dir(name)
		groups[dir] = append(groups[dir], name)
	}
	swapped := 0
	for dir, names := range groups {
		if len(names) < 2 {
			continue
		}
		slices.Sort(names)
		a, err := os.ReadFile(filepath.Join(shared, names[0]))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(shared, names[1]))
		if err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(shared, names[0]), b)
		replace(t, filepath.Join(shared, names[1]), a)
		swapped++
		if err := os.WriteFile(filepath.Join(shared, dir, "stranger"), []byte("not ours"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(shared, dir, strings.Repeat("0", 64)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if swapped == 0 {
		t.Fatalf("nothing to swap in %v", groups)
	}
	m := newMachine(t, url)
	for i, p := range projects {
		p.build(m, push(t, 10+i), wants[i])
	}
}
