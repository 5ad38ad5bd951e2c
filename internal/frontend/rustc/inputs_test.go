package rustc

import "testing"

func TestCallsDlltool(t *testing.T) {
	for target, want := range map[string]bool{
		"": false, "x86_64-unknown-linux-gnu": false, "x86_64-pc-windows-msvc": false,
		"x86_64-pc-windows-gnu": true, "aarch64-pc-windows-gnullvm": true, "/t/mine.json": true,
	} {
		if got := callsDlltool(target); got != want {
			t.Errorf("callsDlltool(%q) = %t, want %t", target, got, want)
		}
	}
}

func TestStaticLink(t *testing.T) {
	for text, want := range map[string]bool{
		`#[link(name = "n", kind = "static")]`: true, `#[link(kind="static-nobundle")]`: true, `#[link(kind = r"static")]`: true,
		`#[link(name = "n", kind = "dylib")]`: false, `static KIND: &str = "static";`: false,
	} {
		if got := staticLink.MatchString(text); got != want {
			t.Errorf("staticLink matches %q: %t, want %t", text, got, want)
		}
	}
}
