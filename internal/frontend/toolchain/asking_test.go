//go:build unix

package toolchain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// makeTree makes files below a new directory, which it returns without links.
func makeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	os.Remove(path)
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// saying is a Prober that gives one answer, and counts.
type saying struct {
	answer frontend.ProbeResult
	err    error
	asked  int
}

func (s *saying) Probe(context.Context, []string, []string) (frontend.ProbeResult, error) {
	s.asked++
	return s.answer, s.err
}

func newAsking(t *testing.T, ask frontend.Prober, program, dir string, env ...string) *Asking {
	t.Helper()
	return &Asking{
		Ctx: t.Context(), C: &compile.Compilation{Invocation: &compile.Invocation{Program: program, Dir: dir, Env: env}},
		Files: frontendtest.DiskFiles{}, Prober: ask, Loads: NewLoads(), Reason: compile.ReasonCompiler,
	}
}

// TestBasis: an answer counts until something changes that led to it, and not until anything does.
func TestBasis(t *testing.T) {
	for _, change := range []struct {
		what string
		do   func(t *testing.T, dir string)
		want bool // the answer counts still
	}{
		{"nothing", func(*testing.T, string) {}, true},
		{"another file", func(t *testing.T, dir string) { write(t, dir+"/bin/other", "") }, true},
		{"a file that is part", func(t *testing.T, dir string) { write(t, dir+"/bin/cc1", "changed") }, false},
		{"a file that is watched", func(t *testing.T, dir string) { write(t, dir+"/cache", "changed") }, false},
		{"a watched file goes", func(t *testing.T, dir string) { os.Remove(dir + "/cache") }, false},
		{"a watched file comes", func(t *testing.T, dir string) { write(t, dir+"/preload", "") }, false},
		{"an absent name comes", func(t *testing.T, dir string) { write(t, dir+"/bin/specs", "") }, false},
		{"a directory comes, in which a name is absent", func(t *testing.T, dir string) { write(t, dir+"/later/other", "") }, true},
		{"an absent name comes with its directory", func(t *testing.T, dir string) { write(t, dir+"/later/lib", "") }, false},
		{"one of many names comes", func(t *testing.T, dir string) { write(t, dir+"/later/c", "") }, false},
		{"the first missing component of a path comes", func(t *testing.T, dir string) { write(t, dir+"/no/x", "") }, false},
		{"a name of the form", func(t *testing.T, dir string) { write(t, dir+"/list/gcc-13.cfg", "") }, false},
		{"a name of another form", func(t *testing.T, dir string) { write(t, dir+"/list/gcc-13.doc", "") }, true},
		{"a name with another start", func(t *testing.T, dir string) { write(t, dir+"/list/clang.cfg", "") }, true},
		{"a name in a directory that counts whole", func(t *testing.T, dir string) { write(t, dir+"/whole/x", "") }, false},
		{"a link leads elsewhere, to the same", func(t *testing.T, dir string) { link(t, "two", dir+"/cur") }, false},
	} {
		dir := makeTree(t, map[string]string{
			"bin/cc1": "cc1", "cache": "", "list/gcc-12.cfg": "", "whole/y": "", "one/cc": "cc", "two/cc": "cc",
		})
		link(t, "one", dir+"/cur")
		a := newAsking(t, nil, "", dir)
		names, err := a.List(dir+"/list", "gcc", ".cfg")
		if diff := cmp.Diff(names, []string{"gcc-12.cfg"}); err != nil || diff != "" {
			t.Errorf("List: %v, and (-got +want)\n%s", err, diff)
		}
		if names, err := a.List(dir+"/list", "", ".txt"); err != nil || len(names) > 0 {
			t.Errorf("List of another form: %q, %v, want none", names, err)
		}
		_, err = a.List(dir+"/whole", "", "")
		for _, e := range []error{err, a.File("cc1", dir+"/bin/cc1"), a.Watch(dir + "/cache"), a.Watch(dir + "/preload"), a.Leads(dir + "/cur/cc")} {
			if e != nil {
				t.Fatal(e)
			}
		}
		for _, name := range []string{"lib", "a", "b", "c"} {
			a.Absent(dir+"/later", name)
		}
		a.Absent(dir+"/whole", "specs")
		if !a.Missing(dir+"/bin/specs") || !a.Missing(dir+"/no/where/specs") || a.Missing(dir+"/bin/cc1") {
			t.Error("Missing is wrong about what is there")
		}
		answer, err := a.Answer(nil)
		if err != nil {
			t.Fatal(err)
		}
		change.do(t, dir)
		if got := answer.Basis.Current(frontendtest.DiskFiles{}); got != change.want {
			t.Errorf("%s: Current = %t, want %t", change.what, got, change.want)
		}
	}
}

// TestBasisIsShort: each thing is looked at once, however often it was met.
func TestBasisIsShort(t *testing.T) {
	dir := makeTree(t, map[string]string{"lib/libc.so": "c", "bin/as": "as"})
	a := newAsking(t, nil, "", dir)
	for range 3 {
		for _, err := range []error{a.File("library", dir+"/lib/libc.so"), a.Watch(dir + "/lib/libc.so"), a.Watch(dir + "/none")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		a.Absent(dir+"/lib", "libd.so")
		a.Missing(dir + "/no/a")
		a.Missing(dir + "/no/b/c")
		if _, err := a.List(dir+"/lib", "", ""); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := a.Answer(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := answer.Basis
	if len(b.files) != 1 || len(b.listings) != 1 {
		t.Errorf("the basis has %d files and %d listings, want one of each", len(b.files), len(b.listings))
	}
	// That lib has no libd.so says its list.
	if diff := cmp.Diff(b.absent, []absence{{dir, []string{"none", "no"}}}, cmp.AllowUnexported(absence{})); diff != "" {
		t.Errorf("absent names (-got +want)\n%s", diff)
	}
	// The recipe has a file as often as the front-end says.
	if got := len(answer.Toolchain.Files); got != 3 {
		t.Errorf("the toolchain has %d files, want 3", got)
	}
}

func TestAnswer(t *testing.T) {
	dir := makeTree(t, map[string]string{"cc": "cc"})
	a := newAsking(t, nil, "", dir)
	err := a.File("cc1", dir+"/libexec/cc1")
	answer, other := a.Answer(err)
	if other != nil || answer.Toolchain != nil || answer.Refused == nil || answer.Refused.Reason != compile.ReasonCompiler {
		t.Errorf("a missing part: answer %+v and error %v, want a refusal", answer, other)
	}
	if err := answer.Refusal(); err == nil {
		t.Error("Refusal is nil of an answer that refuses")
	}
	if !answer.Basis.Current(frontendtest.DiskFiles{}) {
		t.Error("a refusal does not count although nothing changed")
	}
	write(t, dir+"/libexec/cc1", "")
	if answer.Basis.Current(frontendtest.DiskFiles{}) {
		t.Error("a refusal because of a missing part counts when it is there")
	}

	broken := errors.New("connection lost")
	if _, err := a.Answer(broken); err != broken {
		t.Errorf("Answer(%v) = %v, want the error", broken, err)
	}
	answer, err = newAsking(t, nil, "", dir).Answer(nil)
	if err != nil || answer.Refusal() != nil || answer.Toolchain == nil {
		t.Errorf("a good end: answer %+v and error %v", answer, err)
	}
}

func TestSay(t *testing.T) {
	var declined *compile.Decline
	ask := &saying{answer: frontend.ProbeResult{Status: 3}}
	a := newAsking(t, ask, "", "/")
	if _, err := a.Say([]string{"cc", "-v"}); !errors.As(err, &declined) {
		t.Errorf("Say with status 3: error %v, want a refusal", err)
	}
	if said, err := a.Put([]string{"cc", "-v"}); err != nil || said.Status != 3 {
		t.Errorf("Put with status 3 = %+v, %v, want the status", said, err)
	}
	ask.err = errors.New("connection lost")
	if _, err := a.Say([]string{"cc", "-v"}); err == nil || errors.As(err, &declined) {
		t.Errorf("Say that fails: error %v, want one that is no refusal", err)
	}
}

// TestKeyOfCopies: a compiler that was copied by links is another where a link leads to it, although its program is the very file.
func TestKeyOfCopies(t *testing.T) {
	dir := makeTree(t, map[string]string{"one/bin/cc": "cc", "two/libexec/cc1": "other"})
	if err := os.Mkdir(dir+"/two/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(dir+"/one/bin/cc", dir+"/two/bin/cc"); err != nil {
		t.Fatal(err)
	}
	key := func(program, rest string) Key {
		t.Helper()
		k, err := KeyOf(&compile.Compilation{Invocation: &compile.Invocation{Program: program}}, frontendtest.DiskFiles{}, rest)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	var keys []Key
	for _, to := range []string{"one", "two"} {
		link(t, to, dir+"/cur")
		link(t, dir+"/"+to+"/bin/cc", dir+"/cc")
		keys = append(keys, key(dir+"/cur/bin/cc", ""), key(dir+"/cc", ""))
	}
	if keys[0] == keys[2] {
		t.Error("a link of a directory leads to another copy, and the key is the same")
	}
	if keys[1] == keys[3] {
		t.Error("a link of the program leads to another copy, and the key is the same")
	}
	if keys[0].With("a") == keys[0].With("b") || keys[0].With("a").Instead("") != keys[0] || key(dir+"/cc", "") != keys[3] {
		t.Error("keys of one program differ by something but the question")
	}
	var declined *compile.Decline
	if _, err := KeyOf(&compile.Compilation{Invocation: &compile.Invocation{Program: dir + "/none"}}, frontendtest.DiskFiles{}, ""); !errors.As(err, &declined) {
		t.Errorf("KeyOf of a missing program: error %v, want a refusal", err)
	}
}

func TestHasRelative(t *testing.T) {
	for _, tt := range []struct {
		variable, value string
		want            bool
	}{
		{"PATH", "/a:/b", false}, {"PATH", "/a:b", true}, {"PATH", "/a:", true}, {"PATH", "", true}, {"PATH", "/a;b c:/d", false},
		{"LD_LIBRARY_PATH", "/a;/b:/c", false}, {"LD_LIBRARY_PATH", "/a;b", true}, {"LD_LIBRARY_PATH", "/a:$ORIGIN/b", true},
		{"LD_PRELOAD", "/a.so /b.so:/c.so", false}, {"LD_PRELOAD", "/a.so ./b.so", true}, {"LD_PRELOAD", "libb.so", true}, {"LD_PRELOAD", "", false}, {"LD_LIBRARY_PATH", "", false}, {"LD_LIBRARY_PATH", ":", true},
	} {
		if got := HasRelative(tt.variable, tt.value); got != tt.want {
			t.Errorf("HasRelative(%s, %q) = %t, want %t", tt.variable, tt.value, got, tt.want)
		}
	}
}
