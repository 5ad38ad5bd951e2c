package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// doctorObject is the last segment of the name, below a scope, of what doctor writes; doctorBody is what it holds. No reader of the
// cache ever asks for it.
const (
	doctorObject = "doctor"
	doctorBody   = "compile-cache doctor wrote this to see whether it may.\n"
)

// What is read of a scope is enough to notice that bytes are changed on their way, and small.
const (
	mostIndex  = 8 << 20
	mostRecord = 4 << 20
)

// scopeView is what is found in one scope that the job reads.
type scopeView struct {
	root, name string
	indexes    objects.Listing
	packs      objects.Listing
	profiles   objects.Listing // of this job's name
	listErr    error

	got    string // what was read; "" for nothing
	gotErr error
	gone   bool // gotErr is that a pack was removed
}

// read lists and reads the scopes of the job: the first request alone, since it tells whether there will be answers at all.
func (w *walk) read(ctx context.Context) bool {
	if !w.readable() {
		return false
	}
	var views []*scopeView
	for _, scope := range w.reach.Read {
		views = append(views, &scopeView{root: scope.Root, name: scope.Name})
	}
	w.lookAt(ctx, views[0], true)
	if err := views[0].listErr; err != nil && kindOf(err) != objects.Denied {
		w.problem("list", views[0].name+": ", err)
		return false
	}
	var others sync.WaitGroup
	for _, v := range views[1:] {
		others.Go(func() { w.lookAt(ctx, v, false) })
	}
	others.Wait()
	for _, v := range views {
		w.tellView(v)
	}
	return true
}

// lookAt asks for all of one scope; where timed, for the store's time too.
func (w *walk) lookAt(ctx context.Context, v *scopeView, timed bool) {
	v.indexes, v.listErr = w.listOf(ctx, pack.IndexPrefix(v.root, v.name), timed)
	if v.listErr == nil {
		v.packs, v.listErr = w.listOf(ctx, v.root+"/"+v.name+"/pack/", false)
	}
	if v.listErr == nil {
		v.profiles, v.listErr = w.listOf(ctx, pack.ProfilePrefix(v.root, v.name, w.reach.Scopes.ProfileName), false)
	}
	if v.listErr != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, getTime)
	defer cancel()
	v.got, v.gotErr = w.getFrom(ctx, v)
}

// listOf is one listing; where timed, it tells the time too.
func (w *walk) listOf(ctx context.Context, prefix string, timed bool) (objects.Listing, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	began := w.now()
	l, err := w.place.Objects.List(ctx, prefix, "", objects.MaxList)
	if err == nil && timed && w.bucket.Kind == config.S3 {
		w.ahead, w.timed = began.Sub(l.Time), true
	}
	return l, err
}

// getFrom reads the newest index of a scope, and one of the records that it names, and checks them.
func (w *walk) getFrom(ctx context.Context, v *scopeView) (string, error) {
	if len(v.indexes.Objects) == 0 || v.indexes.Objects[0].Size > mostIndex {
		// A range of what there is, or the absence of what there may not be: 404 has to be told from 403.
		name, length := v.root+"/"+v.name+"/"+doctorObject, int64(-1)
		if len(v.indexes.Objects) > 0 {
			name, length = v.indexes.Objects[0].Name, 64
		}
		_, err := w.fetch(ctx, name, 0, length)
		switch {
		case errors.Is(err, objects.ErrNotFound):
			return "nothing is there to be read yet, and that is told from a refusal", nil
		case err != nil:
			return "", err
		}
		return name + " can be read", nil
	}
	newest := v.indexes.Objects[0].Name
	b, err := w.fetch(ctx, newest, 0, -1)
	if err != nil {
		return "", err
	}
	t, err := pack.OpenIndex(b)
	if err != nil {
		return "", damaged(w.place.Objects.String(), newest, err)
	}
	text := fmt.Sprintf("the newest index is whole (%s, %d records", humanize.IBytes(uint64(len(b))), t.Len())
	if by := t.Provenance(); by.Run != "" {
		text += fmt.Sprintf(", by run %s, job %s", by.Run, by.Job)
	}
	text += ")"
	rec, in, ok := smallest(t, v.name)
	if !ok {
		return text, nil
	}
	name := pack.PackName(v.root, v.name, in)
	if b, err = w.fetch(ctx, name, rec.Offset, rec.Length); err != nil {
		v.gone = errors.Is(err, objects.ErrNotFound)
		return "", err
	}
	payload, err := pack.Decode(rec, bytes.NewReader(b))
	if err == nil {
		_, err = io.Copy(io.Discard, payload)
		payload.Close()
	}
	if err != nil {
		return "", damaged(w.place.Objects.String(), name, err)
	}
	return text + ", and so is a record of its newest pack", nil
}

// smallest returns the smallest record of the newest pack in a scope.
func smallest(t *pack.Table, scope string) (found pack.Record, in digest.Key, ok bool) {
	for at, ref := range t.Packs() {
		if ref.Scope != scope {
			continue
		}
		for l := range t.All() {
			if l.Pack == at && l.Length <= mostRecord && (!ok || l.Length < found.Length) {
				found, in, ok = l.Record, ref.Sum, true
			}
		}
		break
	}
	return found, in, ok
}

func damaged(place, name string, err error) error {
	if errors.Is(err, pack.ErrVersion) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return &objects.Error{
		Kind: objects.Unexpected, Operation: "get", Place: place, Name: name, Code: "Damaged", Message: "what came is not what was stored: it is damaged: " + err.Error(),
		Advice: "see what lies between (a proxy, a virus scanner); if it lies like this in the bucket, remove it there", Cause: err,
	}
}

// fetch reads a range, or all from offset on where length < 0; not more than an index may have.
func (w *walk) fetch(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	r, err := w.place.Objects.Get(ctx, name, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, mostIndex+1))
}

// tellView says what was found in a scope.
func (w *walk) tellView(v *scopeView) {
	scope := strings.TrimPrefix(v.root, "v1/") + "/" + v.name
	if v.listErr != nil {
		w.problem("list", scope+": ", v.listErr)
		w.say("get", "note", "", "%s: not tried, since it could not be listed", scope)
		return
	}
	text := fmt.Sprintf("%s: %s, %s", scope, countOf(v.indexes, "index", "indexes"), countOf(v.packs, "pack", "packs"))
	if len(v.indexes.Objects) > 0 {
		if id, err := pack.ParseIndexName(v.indexes.Objects[0].Name); err == nil {
			text += ", newest index " + w.ago(id.Time)
		}
	}
	if len(v.profiles.Objects) > 0 {
		if _, _, _, at, err := pack.ParseProfileName(v.profiles.Objects[0].Name); err == nil {
			text += ", newest profile " + w.ago(at)
		}
	} else {
		text += ", no profile"
	}
	w.say("list", "ok", "", "%s (this job's profiles are called %s)", text, w.reach.Scopes.ProfileName)
	switch err := v.gotErr; {
	case err == nil:
		w.say("get", "ok", "", "%s: %s", scope, v.got)
	case v.gone:
		w.say("get", "note", "what it held is compiled and stored again; the bucket's lifecycle rules should keep packs as long as indexes",
			"%s: a pack that the newest index names is gone", scope)
	case errors.Is(err, objects.ErrNotFound):
		w.say("get", "note", "", "%s: the newest index is gone since it was listed", scope)
	case errors.Is(err, pack.ErrVersion):
		w.say("get", "note", "", "%s: the newest index is of another version of the format: %v", scope, err)
	default:
		w.problem("get", scope+": ", err)
	}
}

// countOf tells how many objects a listing has.
func countOf(l objects.Listing, one, many string) string {
	switch n := len(l.Objects); {
	case l.More:
		return fmt.Sprintf("%d or more %s", n, many)
	case n == 1:
		return "1 " + one
	default:
		return fmt.Sprintf("%d %s", n, many)
	}
}

// ago tells a time of the store.
func (w *walk) ago(at time.Time) string {
	return humanize.RelTime(at, w.now(), "ago", "ahead of this clock")
}

// ownDoctor is the name of what this job's doctor writes.
func (w *walk) ownDoctor() string {
	return w.reach.Read[0].Root + "/" + w.reach.Read[0].Name + "/" + doctorObject
}

// put writes a small object as the cache writes all of its own. That it was there before says as much: who may not write is refused first.
func (w *walk) put(ctx context.Context) bool {
	scope := w.reach.Read[0].Name
	if !w.reach.Write {
		w.say("put", "ok", "", "not tried, since this job writes nothing: %s", w.reach.WhyNot)
		return true
	}
	existed, err := w.putSmall(ctx, w.ownDoctor())
	if err == nil && w.bucket.Kind == config.Directory {
		// Of a directory it says nothing.
		err = w.touch(ctx, filepath.Join(w.bucket.Dir, filepath.FromSlash(filepath.Dir(w.ownDoctor()))))
	}
	switch {
	case err != nil:
		w.problem("put", scope+": ", err)
	case existed:
		w.say("put", "ok", "", "%s: may be written (%s is there from before)", scope, w.ownDoctor())
	default:
		w.say("put", "ok", "", "%s: may be written (%s was made, and stays)", scope, w.ownDoctor())
	}
	return true
}

// putSmall puts doctorBody under a name, unless there is something.
func (w *walk) putSmall(ctx context.Context, name string) (existed bool, err error) {
	stored, err := w.place.Objects.Put(ctx, name, strings.NewReader(doctorBody), int64(len(doctorBody)), sha256.Sum256([]byte(doctorBody)))
	return stored.Existed, err
}

// touch makes a file in a directory and removes it, and takes the file system's time from it. The name is one that no object has, and
// that the store cleans up where this is killed.
func (w *walk) touch(ctx context.Context, dir string) error {
	began := w.now()
	type answer struct {
		at  time.Time
		err error
	}
	done := make(chan answer, 1) // a file server that is gone keeps the goroutine for as long as it likes
	go func() {
		f, err := os.CreateTemp(dir, "~put-doctor-")
		if err != nil {
			done <- answer{err: err}
			return
		}
		info, err := f.Stat()
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		if err != nil {
			done <- answer{err: err}
			return
		}
		done <- answer{at: info.ModTime()}
	}()
	select {
	case a := <-done:
		if a.err == nil {
			w.ahead, w.timed = began.Sub(a.at), true
		}
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
