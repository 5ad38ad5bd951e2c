// Package disk is the tier that keeps results, input sets, notes and blobs in a directory of this machine.
//
// # What it keeps true
//
// A reader gets the bytes that were put, or an error, never others: blobs are hashed, records carry a checksum, and what
// fails either is moved to quarantine. Nothing is half visible: every file is written below tmp and renamed into place. There is
// no fsync, because everything is verified on read: after a power cut a file that never reached the disk is a miss, and
// that costs one compile, while an fsync costs milliseconds in each. Results, sets and notes are kept per trust class, so that
// a pull request reads what the main branch wrote and never writes it; blobs are shared, since a blob can be nothing but
// its digest. Processes share a directory without a lock; the only lock is for trimming.
//
// # Layout
//
// Below the instance directory, directories 0700, records 0600, blobs 0400:
//
//	store/v1/cas/ab/<sha256>                          a blob, raw; its size is part of its digest
//	store/v1/<class>/result/ab/<key>                  a record: a result
//	store/v1/<class>/set/ab/<compilation>/<set>       a record: an input set, named by the SHA-256 of its stored form
//	store/v1/<class>/note/ab/<name>                   a record: a note
//	store/v1/tmp/                                     files being written, trees being cleared
//	store/v1/size                                     about how much is stored, see size.go
//	store/v1/trim.lock                                held (flock) by the process that trims
//	quarantine/<kind>-<name>                          what was found corrupt, at most 32 files and 256 MB
//	quarantine/withdrawn-<class>                      keys out of use, 64 digits a line; Clear and trimming leave them
//	quarantine/recheck-...                            not the store's: what rechecks found, see package recheck
//
// where ab are the first two digits of the name, and <class> is trusted, pr or local. A record is its payload, as written
// by package compile, and two lines:
//
//	record <kind> <name>                              what the payload was stored as, so that a file found under
//	sha256 <64 hex digits>                            another name is not taken for it; the hash of all bytes before
//
// # Time
//
// The modification time of a file is its last use. Uses are kept in memory and saved at most hourly and at Close. The sets
// of one compilation are used together: their directory bears the last use, and the files the times at which they were added,
// which is their order.
package disk
