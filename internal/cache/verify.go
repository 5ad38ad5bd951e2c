package cache

import (
	"errors"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Verify returns a reader of r's bytes that ends with a *CorruptError instead of io.EOF unless they were those named by d. It
// stops at the first byte too many.
func Verify(r io.ReadCloser, d digest.Digest) *Verifier {
	return &Verifier{ReadCloser: r, want: d, hash: digest.NewHasher()}
}

// Verifier is what Verify returns. It is for one goroutine.
type Verifier struct {
	io.ReadCloser
	want  digest.Digest
	hash  *digest.Hasher
	read  int64
	ended bool // well
}

var errWrongBytes = errors.New("the bytes are not those of the digest")

// Read implements io.Reader.
func (v *Verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.read += int64(n)
	_, _ = v.hash.Write(p[:n])
	if v.read > v.want.Size() || err == io.EOF && v.hash.Digest() != v.want {
		return n, &CorruptError{Name: "blob " + v.want.String(), Cause: errWrongBytes}
	}
	v.ended = err == io.EOF
	return n, err
}

// Digest implements Hashed.
func (v *Verifier) Digest() (d digest.Digest, ok bool) { return v.want, v.ended }

// Hashed is implemented by readers that know the digest of what they give, so that who stores it need not hash it again. Whoever
// implements it is trusted: it has hashed those very bytes itself.
type Hashed interface {
	// Digest returns the digest of all bytes from where the reader was opened to io.EOF. ok is false while it is not known: of a
	// stream, until Read has returned io.EOF.
	Digest() (d digest.Digest, ok bool)
}
