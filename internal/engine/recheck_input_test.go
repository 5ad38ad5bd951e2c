package engine

import (
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Standard input can be read once: a second run, or the plain compiler after a fault of ours, would find it empty.
func TestRecheckSparesWhatReadsStandardInput(t *testing.T) {
	for _, tt := range []struct {
		source string
		empty  bool
		want   bool
	}{{"-", false, false}, {"-", true, true}, {"a.rs", false, true}} {
		c := &call{inv: &compile.Invocation{Args: []string{"--crate-name", "a", tt.source}, NoInput: tt.empty}, set: settings{recheck: 100}}
		if got := c.rechecks(digest.KeyOf([]byte("key"))); got != tt.want {
			t.Errorf("rechecks with the source %q, input empty %v = %v, want %v", tt.source, tt.empty, got, tt.want)
		}
	}
}
