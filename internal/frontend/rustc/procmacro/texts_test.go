package procmacro

import "testing"

// Of a name in instructions Mentions takes the first four letters for it, Spells eight of those that have so many.
func TestMentions(t *testing.T) {
	library := Traits{texts: texts{data: []byte("xAPP_CONFIGRUST_BACKTRACE "), code: []byte("GITHUB_S ENVX ")}}
	for _, c := range []struct {
		name             string
		mentions, spells bool
	}{
		{"APP_CONFIG", true, true}, {"RUST_", true, true}, {"RUST_SRC_PATH", false, false},
		{"GITHUB_SHA", true, true}, {"GITHUB_ENV", true, false}, {"ENVX", true, true}, {"ENVY", false, false}, {"ENVXY", true, false},
		{"lower", true, false},
	} {
		if m, s := library.Mentions(c.name), library.Spells(c.name); m != c.mentions || s != c.spells {
			t.Errorf("%s: Mentions %t, Spells %t, want %t, %t", c.name, m, s, c.mentions, c.spells)
		}
	}
}
