// Package bucket is the tier that machines share: results, input sets, blobs and notes in a store of immutable objects.
//
// # What it keeps true
//
// Few large requests: records travel in packs, and what lies where is known from a profile, which is read before the first compile, or
// from indexes, which are listed once a name is not in the profile. After that "not there" needs no request. Nothing is rewritten
// and nothing is contended: every object is new, or was there already and is the same.
//
// A record is offered only as long as it is whole: a result only with places for all its blobs, a place only until its bytes were
// found wrong or gone. Every byte that leaves this package was hashed and is what its name says. Whose bytes may be read is
// decided by scope: a place outside of the readable scopes, whatever an object says about it, does not exist.
//
// # Reading
//
// Open starts with the newest profile of this job's name in the own, the base or the default branch's scope, and has what it names fetched in
// ranges, in the order in which the last run first used it, and landed in the near store while the build begins (plan.go, prefetch.go). A lookup that
// comes before its record landed waits for it if it is under way, and fetches it itself otherwise, in blocks (blocks.go), because
// a compile's blobs, result and input set lie side by side.
//
// # Writing
//
// What is put is compressed into a pack on disk, in the outbox, and uploaded by a goroutine of its own: pack, then an index that
// names all that this process published, then, when a run ends, a profile (publish.go, upload.go, profile.go). A pack that a killed process left in the outbox
// is published by the next one of the same place and scope (outbox.go, adopt.go). A job that is no pull request's also writes checkpoints, each the union of the
// indexes before it, so that a reader needs few (checkpoint.go), and gathers its working set into one pack when it is scattered over many
// (profile.go).
//
// The bytes of packs, indexes and profiles are those of package pack; docs/format.md describes them for others.
package bucket
