package cache

import (
	"errors"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Verify returns a reader of r's bytes that ends with a *CorruptError instead of io.EOF unless they were those named by d. It
// stops at the first byte too many.
func Verify(r io.ReadCloser, d digest.Digest) io.ReadCloser {
	return &verifier{ReadCloser: r, want: d, hash: digest.NewHasher()}
}

type verifier struct {
	io.ReadCloser
	want digest.Digest
	hash *digest.Hasher
	read int64
}

var errWrongBytes = errors.New("the bytes are not those of the digest")

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.read += int64(n)
	_, _ = v.hash.Write(p[:n])
	if v.read > v.want.Size() || err == io.EOF && v.hash.Digest() != v.want {
		return n, &CorruptError{Name: "blob " + v.want.String(), Cause: errWrongBytes}
	}
	return n, err
}

// Hashed is implemented by readers that hash what they give, so that who stores it need not do that again.
type Hashed interface {
	// Digest returns the digest of all bytes that Read gave; ok is false until Read has returned io.EOF.
	Digest() (d digest.Digest, ok bool)
}
