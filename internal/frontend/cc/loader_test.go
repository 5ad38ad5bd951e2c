package cc

import "testing"

func TestToolchainTellsLoader(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		want bool
	}{
		{nil, true},
		{[]string{"PATH=relative", "LD_LIBRARY_PATH=/a:/b;/c"}, true},
		{[]string{"LD_LIBRARY_PATH="}, false},
		{[]string{"LD_LIBRARY_PATH=/a:"}, false},
		{[]string{"LD_LIBRARY_PATH=/a:lib"}, false},
		{[]string{"LD_LIBRARY_PATH=/a/$ORIGIN"}, false},
		{[]string{"LD_LIBRARY_PATH=/a", "LD_PRELOAD=/x.so"}, false},
		{[]string{"GLIBC_TUNABLES=x=1"}, false},
	} {
		if got := toolchainTellsLoader(tt.env); got != tt.want {
			t.Errorf("toolchainTellsLoader(%q) = %t, want %t", tt.env, got, tt.want)
		}
	}
}
