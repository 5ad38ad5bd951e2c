package rustc

import "testing"

func TestScriptNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"/* GNU ld script */\nGROUP ( libgcc_s.so.1 -lgcc )\n": true,
		"INPUT(libreal.a)":        true,
		"INCLUDE \"sub/part.ld\"": true,
		"GROUP ( /lib/libc.so.6 /usr/lib/libc_nonshared.a AS_NEEDED ( /lib64/ld-linux-x86-64.so.2 ) )": false,
		"OUTPUT_FORMAT(elf64-x86-64)\nINPUT(-lreal)":                                                   false,
		"{ global: a; local: *; };":                                                                    false,
	} {
		if got := naming.MatchString(text); got != want {
			t.Errorf("naming matches %q: %t, want %t", text, got, want)
		}
	}
}
