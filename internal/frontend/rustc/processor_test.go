//go:build unix

package rustc

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/frontendtest"
)

// What is compiled for this machine's processor rests on which one it is, and nothing else does.
func TestNativeProcessor(t *testing.T) {
	dir := workDir(t, map[string]string{"a.rs": ""})
	facts := func(says, args string) ([]string, *compile.Decline) {
		f := New()
		f.processor = func() string { return says }
		c, d := f.Parse(&compile.Invocation{Program: "/x/rustc", Dir: dir, Args: strings.Fields(cargoLine + args)}, frontendtest.DiskFiles{})
		return c.Facts, d
	}
	for _, c := range []struct {
		args   string
		counts bool
	}{
		{" -C target-cpu=native", true},
		{" -Ctarget-cpu=native -C target-cpu=native", true},
		{" --codegen target_cpu=native", true},
		{" -Z tune-cpu=native", true},
		{" --test -C link-arg=-march=native", true},
		{" -C target-cpu=znver3", false},
		{" --test -C link-arg=-march=znver3", false},
		{"", false},
	} {
		one, d := facts("one", c.args)
		two, _ := facts("two", c.args)
		if d != nil {
			t.Errorf("Parse(%s) = %v", c.args, d)
		}
		if got := !slices.Equal(one, two); got != c.counts {
			t.Errorf("facts of%s differ by processor: %t, want %t: %q", c.args, got, c.counts, one)
		}
		if c.counts && len(one) != 1 {
			t.Errorf("facts of%s = %q, want one", c.args, one)
		}
	}
	if _, d := facts("", " -C target-cpu=native"); d == nil || d.Reason != compile.ReasonOption {
		t.Errorf("for a processor that is not known: %v, want option", d)
	}
}

// The answer must not change from call to call, on whatever core.
func TestProcessorSays(t *testing.T) {
	first := processorSays()
	if want := runtime.GOARCH == "amd64"; (first != "") != want {
		t.Fatalf("processorSays() = %q on %s", first, runtime.GOARCH)
	}
	for range 100 {
		runtime.Gosched()
		if again := processorSays(); again != first {
			t.Fatalf("processorSays() = %s, then %s", first, again)
		}
	}
}
