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
		got, err := io.ReadAll(Verify(io.NopCloser(bytes.NewReader([]byte(text))), want))
		var corrupt *CorruptError
		if ok && (err != nil || string(got) != text) || !ok && !errors.As(err, &corrupt) {
			t.Errorf("reading %q as %q: %q, %v", text, "bytes", got, err)
		}
	}
}
