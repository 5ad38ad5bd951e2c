package tiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// Result implements cache.Store. What is near is returned without asking a far tier. Where a far tier failed and no other one had
// the result, the error is that tier's failure; a tier that is not asked because it failed before counts as one that has nothing.
func (s *Stack) Result(ctx context.Context, key digest.Key) (*compile.Result, error) {
	r, err := s.near.Result(ctx, key)
	if err == nil || !isAbsent(err) || errors.Is(err, cache.ErrWithdrawn) {
		return r, err
	}
	for i, t := range s.far {
		r, ferr := ask(ctx, t, callName{kind: callResult, key: key}, afterwards, func(ctx context.Context) (*compile.Result, error) {
			return s.fetch(ctx, i, key)
		})
		if ferr == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		err = worse(err, ferr)
	}
	return nil, err
}

// fetch gets a result from a far tier and copies it and its blobs near, unless ctx is read-only.
func (s *Stack) fetch(ctx context.Context, from int, key digest.Key) (*compile.Result, error) {
	t := s.far[from]
	r, err := t.Store.Result(ctx, key)
	if err != nil {
		return nil, err
	}
	if cache.IsReadOnly(ctx) {
		s.origins.set(key, uint8(from+1))
		return r, nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(copiesPerResult)
	for i, o := range r.Outputs {
		if !listedBefore(r.Outputs[:i], o.Blob) {
			g.Go(func() error { return s.copyNear(gctx, t, o.Blob) })
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	// The compiler may have been quicker than the tier. What it made here stays.
	own, err := s.near.Result(ctx, key)
	switch {
	case err == nil:
		return own, nil
	case errors.Is(err, cache.ErrWithdrawn):
		return nil, err
	}
	s.origins.set(key, uint8(from+1))
	if err := s.near.PutResult(ctx, key, r); err != nil {
		return nil, &nearError{err}
	}
	s.writeResult(s.far[:from], key, r)
	return r, nil
}

// copiesPerResult is how many blobs of one result are fetched at once: a compile makes an object and two or three small files.
const copiesPerResult = 4

func listedBefore(outputs []compile.StoredOutput, d digest.Digest) bool {
	for _, o := range outputs {
		if o.Blob == d {
			return true
		}
	}
	return false
}

// copyNear copies a blob near, unless it is there. A failure of the near store is a *nearError.
func (s *Stack) copyNear(ctx context.Context, t *far, d digest.Digest) error {
	select {
	case t.copies <- struct{}{}:
		defer func() { <-t.copies }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var from source
	err := s.near.Put(ctx, d, func() (io.ReadCloser, error) {
		r, err := t.Store.Open(ctx, d)
		from.note(err)
		if err != nil {
			return nil, err
		}
		v := cache.Verify(r, d)
		return &verifiedReader{sourceReader{v, &from}, v}, nil
	})
	switch {
	case err == nil:
		return nil
	case from.failure() != nil:
		return fmt.Errorf("blob %s: %w", d, from.failure())
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &nearError{err}
}

// source notes how reading went, so that a failed copy can be told to be the reader's fault or the writer's.
type source struct{ err atomic.Pointer[error] }

func (s *source) failure() error {
	if p := s.err.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *source) note(err error) {
	if err == nil || err == io.EOF {
		return
	}
	kept := err
	s.err.Store(&kept)
}

func (s *source) opener(open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		r, err := open()
		s.note(err)
		if err != nil {
			return nil, err
		}
		return &sourceReader{ReadCloser: r, source: s}, nil
	}
}

type sourceReader struct {
	io.ReadCloser
	source *source
}

func (r *sourceReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.source.note(err)
	return n, err
}

// verifiedReader spares the near store hashing what was hashed to tell whose fault wrong bytes are.
type verifiedReader struct {
	sourceReader
	cache.Hashed
}

// Open implements cache.Store. A blob that is not near is fetched from a far tier: first into the near store, or, where ctx is
// read-only, by a stream that is verified while it is read and makes its reader wait no longer than the tier's deadline in sum.
func (s *Stack) Open(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
	r, err := s.near.Open(ctx, d)
	if err == nil || !isAbsent(err) {
		return r, err
	}
	for _, t := range s.far {
		if cache.IsReadOnly(ctx) {
			r, ferr := t.stream(ctx, d)
			if ferr == nil {
				return r, nil
			}
			err = worse(err, ferr)
		} else {
			_, ferr := ask(ctx, t, callName{kind: callBlob, key: digest.KeyFromSum(d.Sum()), size: d.Size()}, afterwards,
				func(ctx context.Context) (struct{}, error) { return struct{}{}, s.copyNear(ctx, t, d) })
			if ferr == nil {
				return s.near.Open(ctx, d)
			}
			err = worse(err, ferr)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, err
}

// OpenFile implements cache.FileOpener, for what is near. Who gets cache.ErrNotFound may still Open the blob.
func (s *Stack) OpenFile(ctx context.Context, d digest.Digest) (cache.File, error) {
	if s.files == nil {
		return nil, cache.ErrNotFound
	}
	return s.files.OpenFile(ctx, d)
}

// isAbsent reports whether a store has nothing good under a name, so that another one may be asked.
func isAbsent(err error) bool {
	var corrupt *cache.CorruptError
	return errors.Is(err, cache.ErrNotFound) || errors.As(err, &corrupt)
}

// worse returns the error that tells more: the first that is not cache.ErrNotFound.
func worse(first, next error) error {
	if errors.Is(first, cache.ErrNotFound) {
		return next
	}
	return first
}
