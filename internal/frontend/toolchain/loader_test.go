package toolchain

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLoadedLibrary(t *testing.T) {
	for _, tt := range []struct {
		line, name, path string
		ok               bool
	}{
		{"\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)", "libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6", true},
		{"\tlibz.so.1 => /a (b)/libz.so.1 (0x1)", "libz.so.1", "/a (b)/libz.so.1", true},
		{"\t/lib64/ld-linux-x86-64.so.2 (0x1)", "ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2", true},
		{"\tlinux-vdso.so.1 (0x1)", "linux-vdso.so.1", "", true},
		{"\t/x/libq.so => /x/libq.so (0x1)", "libq.so", "/x/libq.so", true},
		{"\tlibc.so.6 => lib/libc.so.6 (0x1)", "libc.so.6", "lib/libc.so.6", true},
		{"\tlinux-vdso.so.1 =>  (0x1)", "linux-vdso.so.1", "", true},
		{"", "", "", true},
		{"\tstatically linked", "statically linked", "", true},
		{"\tlibx.so => not found", "libx.so", "", false},
		{"what is this", "what is this", "", false},
	} {
		name, path, ok := loadedLibrary(tt.line)
		if path != tt.path || ok != tt.ok || path != "" && name != tt.name {
			t.Errorf("loadedLibrary(%q) = %q, %q, %t, want %q, %q, %t", tt.line, name, path, ok, tt.name, tt.path, tt.ok)
		}
	}
}

func TestFromOrigin(t *testing.T) {
	for dir, want := range map[string]string{
		"$ORIGIN": "/r/bin", "${ORIGIN}/x": "/r/bin/x", "$ORIGIN/../lib": "/r/lib", "$ORIGIN/../../..": "/", "$ORIGIN/../../x": "/x",
		"$ORIGIN/lib/../y": "/r/bin/lib/../y", "$ORIGINAL": "$ORIGINAL", "/opt/lib": "/opt/lib", "lib": "lib",
	} {
		if got := fromOrigin(dir, "/r/bin"); got != want {
			t.Errorf("fromOrigin(%q) = %q, want %q", dir, got, want)
		}
	}
}

func TestInterpreterOfNone(t *testing.T) {
	for name, text := range map[string]string{"script": "#!/bin/sh\n", "text": "text", "empty": "", "missing": ""} {
		path := filepath.Join(t.TempDir(), name)
		if name != "missing" {
			if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := Interpreter(path); err == nil {
			t.Errorf("Interpreter of a %s = %q, want an error", name, got)
		}
	}
}
