package tiers

import (
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// maxRecordBytes bounds the memory of results, sets and notes that wait for one tier. Blobs wait on disk.
const maxRecordBytes = 64 << 20

// job is one write that waits: a result with its blobs, an input set or a note.
type job struct {
	kind   jobKind
	key    digest.Key
	record []byte // stored form
	blobs  []digest.Digest
}

type jobKind uint8

const (
	jobResult jobKind = iota
	jobSet
	jobNote
)

func (j *job) operations() int { return 1 + len(j.blobs) }

func (j *job) blobBytes() int64 {
	var n int64
	for _, d := range j.blobs {
		n += d.Size()
	}
	return n
}

// queue is what waits to be written, in order. A result or note that is put again while it waits is replaced where it stands: the newest
// is what is written, and what was put after the older one is still written after it.
type queue struct {
	maxOperations int
	maxBlobBytes  int64

	jobs        []*job
	waiting     map[jobName]*job
	operations  int
	blobBytes   int64
	recordBytes int
}

type jobName struct {
	kind jobKind
	key  digest.Key
}

// add takes a job and reports whether it could: full says no. Whatever its size, a job finds room in an empty queue.
func (q *queue) add(j *job) (added, full bool) {
	if old := q.waiting[jobName{j.kind, j.key}]; old != nil {
		q.count(old, -1)
		*old = *j
		q.count(old, +1)
		return false, false
	}
	blobBytes := j.blobBytes()
	if len(q.jobs) > 0 && (q.operations+j.operations() > q.maxOperations || q.recordBytes+len(j.record) > maxRecordBytes ||
		blobBytes > 0 && q.blobBytes+blobBytes > q.maxBlobBytes) {
		return false, true
	}
	if j.kind != jobSet { // all sets of a compilation are wanted
		q.waiting[jobName{j.kind, j.key}] = j
	}
	q.jobs = append(q.jobs, j)
	q.count(j, +1)
	return true, false
}

// first takes the first job out of those that can be replaced and returns it; nil where there is none. It still counts.
func (q *queue) first() *job {
	if len(q.jobs) == 0 {
		return nil
	}
	j := q.jobs[0]
	if j.kind != jobSet {
		delete(q.waiting, jobName{j.kind, j.key})
	}
	return j
}

// done forgets the first job.
func (q *queue) done() {
	q.count(q.jobs[0], -1)
	q.jobs[0] = nil
	q.jobs = q.jobs[1:]
}

func (q *queue) count(j *job, sign int) {
	q.operations += sign * j.operations()
	q.blobBytes += int64(sign) * j.blobBytes()
	q.recordBytes += sign * len(j.record)
}

// blobsOf returns the blobs of outputs, each once.
func blobsOf(outputs []compile.StoredOutput) []digest.Digest {
	var list []digest.Digest
	for _, o := range outputs {
		if !slices.Contains(list, o.Blob) {
			list = append(list, o.Blob)
		}
	}
	return list
}
