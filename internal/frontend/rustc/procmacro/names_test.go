package procmacro

import (
	"strings"
	"testing"
)

func TestPathOf(t *testing.T) {
	for symbol, want := range map[string]string{
		"_RNvNtCsi4IsKQVxMg0_3std3env11current_dir":                                         "std::env::current_dir",
		"_RNCNvNtNtNtCsjrHSEGnQ3l9_3std3sys3env4unix6getenv0B9_":                            "std::sys::env::unix::getenv",
		"_RNvMsi_NtNtNtCsjrHSEGnQ3l9_3std3sys2fs4unixNtB5_4File6open_c":                     "std::sys::fs::unix::File::open_c",
		"_RINvNtCsjrHSEGnQ3l9_3std2io19default_read_to_endNtNtB4_2fs4FileEB4_":              "std::io::default_read_to_end",
		"_RNvCs1234_7___rustc17rust_begin_unwind":                                           "__rustc::rust_begin_unwind",
		"_ZN3std2fs14read_to_string17hd24db2ba0fb72cc5E":                                    "std::fs::read_to_string",
		"_ZN17document_features22document_features_impl17hfa078553dc5eb806E":                "document_features::document_features_impl",
		"_ZN47_$LT$std..fs..File$u20$as$u20$std..io..Read$GT$4read17h0123456789abcdefE":     "std::fs::File::read",
		"_ZN51_$LT$$RF$std..fs..File$u20$as$u20$std..io..Read$GT$4read17h0123456789abcdefE": "std::fs::File::read",
		"_ZN4core3ptr46drop_in_place$LT$std..backtrace..Backtrace$GT$17h0123456789abcdefE":  "core::ptr::drop_in_place$LT$std..backtrace..Backtrace$GT$",
		"memcpy":                   "memcpy",
		"":                         "",
		"_R":                       "",
		"_ZN":                      "",
		"_ZN99999999999999999999a": "",
		"_RNvC9999999999_a":        "",
	} {
		if got := strings.Join(pathOf(symbol), "::"); got != want {
			t.Errorf("pathOf(%s) = %s, want %s", symbol, got, want)
		}
	}
}

func TestIsMachinery(t *testing.T) {
	for symbol, want := range map[string]bool{
		"_RNvNtCs1_4core9panicking9panic_fmt":                                                       true,
		"_RNvNtNtCs1_3std3sys9backtrace4lock":                                                       true,
		"_RINvNtNtCs1_3std3sys9backtrace28___rust_begin_short_backtraceNCNvCs2_1m1f0uEB9_":          false,
		"_RNvMNtCs1_3std4timeNtB2_7Instant3now":                                                     true,
		"_RNvMNtCs1_3std4timeNtB2_10SystemTime3now":                                                 false,
		"_RINvCs2_1m1fNtNtCs1_3std4time7InstantE":                                                   false,
		"_RINvNtCs1_3std9panicking12catch_unwindNCNvCs2_1m1f0EB9_":                                  false,
		"_ZN4core9panicking5panic17h0123456789abcdefE":                                              true,
		"_ZN1m9panicking5panic17h0123456789abcdefE":                                                 false,
		"_ZN3std9panicking3try7do_call17h0123456789abcdefE":                                         false,
		"_ZN58_$LT$std..sys..stdio..Stderr$u20$as$u20$std..io..Write$GT$5write17h0123456789abcdefE": true,
	} {
		if got := isMachinery(symbol); got != want {
			t.Errorf("isMachinery(%s) = %t, want %t", symbol, got, want)
		}
	}
}

// FuzzJudge: a library is somebody's bytes.
func FuzzJudge(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if traits, err := Judge(content); err != nil && traits.Macro {
			t.Errorf("Judge = %+v with %v, want nothing with an error", traits, err)
		}
	})
}
