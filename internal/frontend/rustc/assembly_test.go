package rustc

import "testing"

func TestDirective(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`global_asm!(".incbin \"data.bin\"");`:             true,
		`global_asm!(r#".include "part.s""#);`:             true,
		`concat!(".include \"", $file, "\"")`:              true,
		`asm!(".INCBIN \"data.bin\"");`:                    true,
		`asm!(".include\t\"part.s\"");`:                    true,
		`asm!(".Include/**/ \"part.s\"");`:                 true,
		"include!(\"part.rs\"); builder.include(\"dir\");": false,
		`config.include = "x"; self.includes("y")`:         false,
		"#include \"stdio.h\"\n.included \"x\" .incbinary": false,
	} {
		if got := directive.MatchString(text); got != want {
			t.Errorf("directive matches %q: %t, want %t", text, got, want)
		}
	}
}
