package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// maxRecord bounds a record file in bytes: a larger one is neither written nor read.
const maxRecord = 64 << 20

// seal makes a record file of a payload: see the package comment. id is "<kind> <name>".
func seal(payload []byte, id string) []byte {
	b := make([]byte, 0, len(payload)+len(id)+sealSpace)
	b = append(b, payload...)
	b = append(append(append(b, "record "...), id...), '\n')
	sum := sha256.Sum256(b)
	b = hex.AppendEncode(append(b, "sha256 "...), sum[:])
	return append(b, '\n')
}

// sealSpace is what seal adds besides the id: "record ", a line end, "sha256 ", the digits and a line end.
const sealSpace = 7 + 1 + checksumLine

const checksumLine = 7 + 2*sha256.Size + 1

// unseal returns the payload of a record file that was sealed under id.
func unseal(b []byte, id string) ([]byte, error) {
	if len(b) < len(id)+sealSpace {
		return nil, fmt.Errorf("%d bytes are too few for a record", len(b))
	}
	body := b[:len(b)-checksumLine]
	sum := sha256.Sum256(body)
	line := hex.AppendEncode([]byte("sha256 "), sum[:])
	if !bytes.Equal(append(line, '\n'), b[len(body):]) {
		return nil, errors.New("checksum does not match")
	}
	payload, ok := bytes.CutSuffix(body, []byte("record "+id+"\n"))
	if !ok {
		return nil, errors.New("stored as another record")
	}
	return payload, nil
}

// readRecord returns the payload of the record file at path. Absent is cache.ErrNotFound.
func (s *Store) readRecord(path, id string) ([]byte, error) {
	f, st, err := s.files.open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, cache.ErrNotFound
	case errors.Is(err, errNotRegular):
		return nil, s.corrupt(path, id, state{}, err)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", id, err)
	}
	defer f.Close()
	if st.size > maxRecord {
		return nil, s.corrupt(path, id, st, fmt.Errorf("%d bytes are too many for a record", st.size))
	}
	b := make([]byte, st.size)
	if _, err := io.ReadFull(f, b); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", id, err)
	}
	payload, err := unseal(b, id)
	if err != nil {
		return nil, s.corrupt(path, id, st, err)
	}
	return payload, nil
}

// writeRecord stores a payload as a record file; k says what is counted.
func (s *Store) writeRecord(k kind, path, id string, payload []byte, modified time.Time) error {
	b := seal(payload, id)
	if len(b) > maxRecord {
		return fmt.Errorf("put %s: %d bytes are too many for a record", id, len(b))
	}
	old, oldErr := stateAt(path, false)
	if err := s.files.replace(s.tmpPath(), path, b, modified); err != nil {
		return s.putFailed(fmt.Errorf("put %s: %w", id, err))
	}
	var change counts
	change.add(k, 1, footprint(int64(len(b))))
	if oldErr == nil {
		change.add(k, -1, -footprint(old.size))
	}
	s.grown(change)
	return nil
}

// Result implements cache.Store. A result that another process removed may still be answered from memory, until
// the store is cleared.
func (s *Store) Result(ctx context.Context, key digest.Key) (*compile.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.withdrawn.has(key) {
		return nil, cache.ErrWithdrawn
	}
	for class := range uint8(len(s.classes)) {
		r, err := s.result(name{kindResult, class, key.Sum()})
		if err == nil || !errors.Is(err, cache.ErrNotFound) {
			return r, err
		}
	}
	return nil, cache.ErrNotFound
}

func (s *Store) result(n name) (*compile.Result, error) {
	proof, err := s.classProof(n.class)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cache.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", n.label(), err)
	}
	if known, ok := s.memory.get(n).(*knownResult); ok && known.proof == proof && proof != (state{}) {
		s.uses.mark(n, s.now())
		return known.result, nil
	}
	path := s.path(n)
	payload, err := s.readRecord(path, n.label())
	if err != nil {
		return nil, err
	}
	r, err := compile.ParseResult(payload)
	if err != nil {
		return nil, s.corrupt(path, n.label(), state{}, err)
	}
	s.memory.put(n, &knownResult{proof, r}, resultCost(r))
	s.uses.mark(n, s.now())
	return r, nil
}

// classProof returns the state of a class directory, which Clear replaces; or the zero state, which proves nothing, while the
// directory is so young that its successor could have the same times.
func (s *Store) classProof(class uint8) (state, error) {
	st, err := stateAt(s.classPath(class), true)
	if err != nil || !st.settled(s.now()) {
		return state{}, err
	}
	return st, nil
}

// PutResult implements cache.Store.
func (s *Store) PutResult(ctx context.Context, key digest.Key, r *compile.Result) error {
	n := name{kind: kindResult, sum: key.Sum()}
	if err := s.refusePut(ctx); err != nil {
		return fmt.Errorf("put %s: %w", n.label(), err)
	}
	if s.withdrawn.has(key) {
		return fmt.Errorf("put %s: %w", n.label(), cache.ErrWithdrawn)
	}
	payload, err := compile.AppendResult(nil, r)
	if err != nil {
		return fmt.Errorf("put %s: %w", n.label(), err)
	}
	// What is remembered is what a reader would decode, not the caller's memory.
	if r, err = compile.ParseResult(payload); err != nil {
		return fmt.Errorf("put %s: %w", n.label(), err)
	}
	if err := s.writeRecord(kindResult, s.path(n), n.label(), payload, time.Time{}); err != nil {
		return err
	}
	if proof, err := s.classProof(n.class); err == nil {
		s.memory.put(n, &knownResult{proof, r}, resultCost(r))
	}
	return nil
}

// Note implements cache.Notes.
func (s *Store) Note(ctx context.Context, key digest.Key) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for class := range uint8(len(s.classes)) {
		n := name{kindNote, class, key.Sum()}
		b, err := s.readRecord(s.path(n), n.label())
		if err == nil {
			s.uses.mark(n, s.now())
		}
		if err == nil || !errors.Is(err, cache.ErrNotFound) {
			return b, err
		}
	}
	return nil, cache.ErrNotFound
}

// PutNote implements cache.Notes.
func (s *Store) PutNote(ctx context.Context, key digest.Key, b []byte) error {
	n := name{kind: kindNote, sum: key.Sum()}
	if err := s.refusePut(ctx); err != nil {
		return fmt.Errorf("put %s: %w", n.label(), err)
	}
	if len(b) > cache.MaxNote {
		return fmt.Errorf("put %s: %d bytes are more than a note may have", n.label(), len(b))
	}
	return s.writeRecord(kindNote, s.path(n), n.label(), b, time.Time{})
}
