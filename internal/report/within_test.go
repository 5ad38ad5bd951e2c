package report

import "testing"

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		run, outer string
		want       bool
	}{{"a", "a", true}, {"a/b", "a", true}, {"a/b/c", "a/b", true}, {"ab", "a", false}, {"a", "a/b", false}, {"", "a", false}} {
		if got := within(c.run, c.outer); got != c.want {
			t.Errorf("within(%q, %q) = %v, want %v", c.run, c.outer, got, c.want)
		}
	}
}
