package daemon

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/github"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Reach is which parts of a bucket a job reads and writes.
type Reach struct {
	Scopes   github.Scopes
	Read     []bucket.Scope // in this order; none where it is not known whose results these are
	Own      bool           // the first of Read is the job's own
	Write    bool           // that one is written
	WhyNot   string         // it is not
	ReadOnly bool           // by COMPILE_CACHE_READONLY
}

// FindReach returns the reach of the job whose environment getenv reads. class is its trust class.
func FindReach(b config.Bucket, getenv func(string) string, class string) Reach {
	r := Reach{Scopes: github.FindScopes(getenv, github.ReadEvent, class)}
	r.ReadOnly, _ = protocol.Bool(getenv("COMPILE_CACHE_READONLY"))
	repository := r.Scopes.Repository
	if b.Repository != "" {
		repository = b.Repository
	}
	if repository == "" || len(r.Scopes.Read) == 0 {
		r.WhyNot = "there is no scope"
		return r
	}
	root := pack.Root(repository)
	for _, name := range r.Scopes.Read {
		r.Read = append(r.Read, bucket.Scope{Root: root, Name: encodeScope(name)})
	}
	for _, more := range b.Read {
		r.Read = append(r.Read, bucket.Scope{Root: pack.Root(more.Repository), Name: "trusted/" + pack.Segment(more.Branch)})
	}
	r.Own = r.Scopes.Own != "" && r.Scopes.Own == r.Scopes.Read[0]
	switch {
	case r.ReadOnly:
		r.WhyNot = "COMPILE_CACHE_READONLY is set"
	case r.Scopes.ForkPR:
		r.WhyNot = "this is a fork's code, or cannot be told from it"
	case !r.Own:
		r.WhyNot = "the job has no scope of its own"
	default:
		r.Write = true
	}
	return r
}

// encodeScope makes path segments of a scope's class and name.
func encodeScope(scope string) string {
	class, name, ok := strings.Cut(scope, "/")
	if !ok {
		return pack.Segment(scope)
	}
	return class + "/" + pack.Segment(name)
}
