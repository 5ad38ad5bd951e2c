package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// locate returns where a name lies; where the profile does not tell, the indexes are asked.
func (t *Tier) locate(ctx context.Context, name nameOf) ([]location, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := t.start.wait(ctx); err != nil {
		return nil, err
	}
	if found := t.known.find(name); len(found) > 0 {
		return found, nil
	}
	if err := t.load(ctx); err != nil {
		return nil, err
	}
	if found := t.known.find(name); len(found) > 0 {
		return found, nil
	}
	return nil, cache.ErrNotFound
}

// result returns a result from its place.
func (t *Tier) result(ctx context.Context, at location) (*compile.Result, error) {
	b, err := t.read(ctx, at)
	if err != nil {
		return nil, err
	}
	r, err := compile.ParseResult(b)
	if err != nil {
		return nil, t.wrong(at, err)
	}
	return r, nil
}

// complete reports whether every blob of a result has a place.
func (t *Tier) complete(r *compile.Result) bool {
	for _, o := range r.Outputs {
		if !t.known.has(blobName(o.Blob)) {
			return false
		}
	}
	return true
}

// read returns the payload of a record that is no blob.
func (t *Tier) read(ctx context.Context, at location) ([]byte, error) {
	if at.rec.Size > maxRecord {
		return nil, t.wrong(at, fmt.Errorf("%d bytes are too many", at.rec.Size))
	}
	r, err := t.openAt(ctx, at)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// openAt returns the payload of a record, which is verified while it is read.
func (t *Tier) openAt(ctx context.Context, at location) (io.ReadCloser, error) {
	body, err := t.blocks.open(ctx, at.in, at.rec)
	if errors.Is(err, objects.ErrNotFound) {
		// Collected by the bucket's owner: whatever names it is out of date.
		at.in.gone.Store(true)
		t.o.Log.Info("a pack is gone", "pack", at.in.object())
		return nil, cache.ErrNotFound
	}
	if isShort(err) {
		at.in.gone.Store(true)
		return nil, t.wrong(at, err)
	}
	if err != nil {
		return nil, err
	}
	raw := &section{r: body, left: at.rec.Length}
	decoded, err := pack.Decode(at.rec, raw)
	if err != nil {
		body.Close()
		if raw.err != nil {
			return nil, raw.err
		}
		return nil, t.wrong(at, err)
	}
	return &checked{t: t, at: at, payload: decoded, raw: raw, body: body}, nil
}

// isShort reports whether a pack is shorter than what names a place in it says: then no such place is to be trusted.
func isShort(err error) bool {
	var failed *objects.Error
	return errors.As(err, &failed) && (failed.Code == "InvalidRange" || failed.Code == "WrongRange")
}

// firstGood returns what the first place gives that is there and right. Where none is, and one was wrong, the error says so.
func firstGood[T any](found []location, read func(location) (T, error)) (T, error) {
	none := cache.ErrNotFound
	var zero T
	for _, at := range found {
		v, err := read(at)
		var corrupt *cache.CorruptError
		switch {
		case err == nil:
			return v, nil
		case errors.As(err, &corrupt):
			none = err
		case !errors.Is(err, cache.ErrNotFound):
			return zero, err
		}
	}
	return zero, none
}

// checked is a payload under way. Bytes that are wrong it tells from bytes that did not arrive.
type checked struct {
	t       *Tier
	at      location
	payload io.ReadCloser
	raw     *section
	body    io.Closer
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.payload.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case c.raw.err != nil:
		return n, c.raw.err
	}
	return n, c.t.wrong(c.at, err)
}

func (c *checked) Close() error { return errors.Join(c.payload.Close(), c.body.Close()) }

// wrong remembers that a record's bytes are not what they should be, so that nothing offers them again, and returns the error to give.
func (t *Tier) wrong(at location, cause error) error {
	t.known.reject(at)
	t.blocks.forget(at.in)
	return &cache.CorruptError{Name: fmt.Sprintf("record of %s at %d", at.in.object(), at.rec.Offset), Cause: cause}
}

func blobName(d digest.Digest) nameOf { return nameOf{pack.Blob, digest.KeyFromSum(d.Sum())} }
