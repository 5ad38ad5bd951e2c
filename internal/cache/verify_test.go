package cache

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

func TestVerify(t *testing.T) {
	want := digest.Of([]byte("bytes"))
	for text, ok := range map[string]bool{"bytes": true, "bytez": false, "byte": false, "bytes and more": false, "": false} {
		v := Verify(io.NopCloser(bytes.NewReader([]byte(text))), want)
		if d, known := v.Digest(); known {
			t.Errorf("before reading %q its digest is %v, want none", text, d)
		}
		got, err := io.ReadAll(v)
		var corrupt *CorruptError
		if ok && (err != nil || string(got) != text) || !ok && !errors.As(err, &corrupt) {
			t.Errorf("reading %q as %q: %q, %v", text, "bytes", got, err)
		}
		if d, known := v.Digest(); known != ok || ok && d != want {
			t.Errorf("after reading %q as %q its digest is %v, %t, want it known: %t", text, "bytes", d, known, ok)
		}
	}
}
