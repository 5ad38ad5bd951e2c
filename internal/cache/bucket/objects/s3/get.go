package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// Get implements objects.Store.
func (s *Store) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := objects.CheckName(name); err != nil {
		return nil, s.refuse("get", "", "InvalidName", "%v", err)
	}
	switch {
	case offset < 0 || length > math.MaxInt64-offset:
		return nil, s.refuse("get", name, "InvalidRange", "no object has %d bytes from %d on", length, offset)
	case length == 0:
		return s.nothing(ctx, name, offset)
	}
	return s.get(ctx, name, offset, length)
}

// nothing is a range of no bytes, which HTTP cannot ask for: the byte before it is asked for instead, to know that it is there.
func (s *Store) nothing(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	r, err := s.get(ctx, name, max(offset-1, 0), 1)
	if e := (*objects.Error)(nil); offset == 0 && errors.As(err, &e) && e.Code == "InvalidRange" {
		return http.NoBody, nil // an empty object
	}
	if err != nil {
		return nil, err
	}
	return http.NoBody, r.Close()
}

func (s *Store) get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	options, err := s.request(ctx)
	if err != nil {
		return nil, err
	}
	key := s.key(name)
	in := &s3.GetObjectInput{Bucket: &s.options.Bucket, Key: &key, RequestPayer: s.payer()}
	whole := offset == 0 && length < 0
	if !whole {
		asked := fmt.Sprintf("bytes=%d-", offset)
		if length > 0 {
			asked += strconv.FormatInt(offset+length-1, 10)
		}
		in.Range = &asked
	}
	out, err := s.client.GetObject(ctx, in, options)
	if err != nil {
		return nil, s.failure(ctx, "get", name, err)
	}
	r := response(out.ResultMetadata)
	if whole {
		length, err = wholeLength(r)
	} else {
		length, err = rangeLength(r, offset, length)
	}
	if err != nil {
		out.Body.Close()
		return nil, s.refuse("get", name, "WrongRange", "%v", err)
	}
	return &body{ctx: ctx, store: s, name: name, in: out.Body, left: length}, nil
}

// wholeLength returns the length of an object that was asked for as a whole.
func wholeLength(r *http.Response) (int64, error) {
	if r.StatusCode != http.StatusOK || r.ContentLength < 0 {
		return 0, fmt.Errorf("status %d with a length of %d for an object", r.StatusCode, r.ContentLength)
	}
	return r.ContentLength, nil
}

// rangeLength returns the length of a range that was asked for, by its Content-Range.
func rangeLength(r *http.Response, offset, length int64) (int64, error) {
	given := r.Header.Get("Content-Range")
	if r.StatusCode != http.StatusPartialContent {
		return 0, fmt.Errorf("status %d for a range, want %d", r.StatusCode, http.StatusPartialContent)
	}
	first, last, total, ok := contentRange(given)
	switch {
	case !ok || first != offset || last >= total && total >= 0:
		return 0, fmt.Errorf("range %.60q, asked for bytes from %d on", given, offset)
	case length < 0 && last != total-1:
		return 0, fmt.Errorf("range %.60q does not reach the end", given)
	case length >= 0 && last != offset+length-1:
		return 0, fmt.Errorf("range %.60q, asked for %d bytes from %d on", given, length, offset)
	}
	if length = last - first + 1; r.ContentLength >= 0 && r.ContentLength != length {
		return 0, fmt.Errorf("range %.60q in a body of %d bytes", given, r.ContentLength)
	}
	return length, nil
}

// contentRange reads "bytes FIRST-LAST/TOTAL"; a total of "*" is -1.
func contentRange(text string) (first, last, total int64, ok bool) {
	text, isBytes := strings.CutPrefix(text, "bytes ")
	span, all, hasTotal := strings.Cut(text, "/")
	a, b, hasSpan := strings.Cut(span, "-")
	if !isBytes || !hasTotal || !hasSpan {
		return 0, 0, 0, false
	}
	var errA, errB, errTotal error
	first, errA = strconv.ParseInt(a, 10, 64)
	last, errB = strconv.ParseInt(b, 10, 64)
	if total = -1; all != "*" {
		total, errTotal = strconv.ParseInt(all, 10, 64)
		ok = total >= 0
	} else {
		ok = true
	}
	return first, last, total, ok && errA == nil && errB == nil && errTotal == nil && first >= 0 && last >= first
}

// body gives exactly what was asked for, or an error.
type body struct {
	ctx   context.Context
	store *Store
	name  string
	in    io.ReadCloser
	left  int64
	err   error // sticky
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if b.left == 0 {
		b.err = b.end()
		return 0, b.err
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case err == nil, err == io.EOF && b.left == 0:
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		b.err = b.store.failure(b.ctx, "get", b.name, io.ErrUnexpectedEOF)
	default:
		b.err = b.store.failure(b.ctx, "get", b.name, err)
	}
	if n > 0 {
		return n, nil // the error is for the next call
	}
	return 0, b.err
}

// end makes sure that nothing follows.
func (b *body) end() error {
	var extra [1]byte
	n, err := io.ReadFull(b.in, extra[:])
	switch {
	case n > 0:
		return b.store.refuse("get", b.name, "WrongRange", "the body is longer than its range")
	case err == io.EOF:
		return io.EOF
	}
	return b.store.failure(b.ctx, "get", b.name, err)
}

func (b *body) Close() error { return b.in.Close() }
