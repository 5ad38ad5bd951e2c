// Package tiers is the order of the tiers: a near store, the disk of this machine, and far ones behind it, asked in order.
//
// # What it keeps true
//
// A far tier can only help. It never changes what a build gets: whatever it answers is copied into the near store, which verifies
// it, before it is used. It never fails a build: a lookup that a far tier fails is a miss whose cause is told (Options.Problem),
// a put is answered by the near store alone. And it never holds a build up for long: a lookup waits at most the tier's deadline,
// and a tier that fails again and again is not asked for a while (breaker.go).
//
// A result is given only when all its blobs are near. The one exception is a read-only context (cache.WithReadOnly), under
// which nothing is written: then Open streams the blobs from the far tier.
//
// # How it works
//
//	Result     near; else each far tier in order: result, blobs into near, result into near. Callers who ask for one key share
//	           one fetch; it outlives them, and its deadline, by at most a minute, so that what came too late is near next time
//	InputSets  near only; DistantInputSets asks all far tiers at once
//	puts       near; then one worker for each writable far tier takes them from a bounded queue in order, blobs read back
//	           from near (writebehind.go)
//
// A far hit also goes to the writable far tiers before the one that had it. An input set is not written to a tier that has
// given it.
//
// # What may run at once
//
// Everything. Timers are those of package time, so tests run under testing/synctest.
package tiers
