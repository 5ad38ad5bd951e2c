package engine

import (
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Standard input can be read once: a second run, or the plain compiler after a fault of ours, would find it empty.
func TestRecheckSparesWhatReadsStandardInput(t *testing.T) {
	for arg, want := range map[string]bool{"-": false, "a.rs": true} {
		c := &call{inv: &compile.Invocation{Args: []string{"--crate-name", "a", arg}}, set: settings{recheck: 100}}
		if got := c.rechecks(digest.KeyOf([]byte("key"))); got != want {
			t.Errorf("rechecks with the source %q = %v, want %v", arg, got, want)
		}
	}
}
