package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/digest"
)

const (
	// idleFor and atLatest are after how long without a further put, and after how long at most, what was put is published.
	idleFor  = 5 * time.Second
	atLatest = 60 * time.Second
	// retryFirst and retryLast bound the pause after a failed publication, which doubles.
	retryFirst = 2 * time.Second
	retryLast  = 2 * time.Minute
	// publishTime bounds one publication that nobody waits for.
	publishTime = 5 * time.Minute
	// maxNotes bounds the notes that wait, in bytes, and maxUses the uses.
	maxNotes = 32 << 20
	maxUses  = 500_000
)

// errClosed is the answer to a put that comes too late.
var errClosed = errors.New("the tier is closed")

// publisher gathers what is put and brings it into the bucket.
type publisher struct {
	t       *Tier
	box     *outbox       // nil: nothing is published
	adopted chan struct{} // closed when what was left over is taken over
	wake    chan struct{}
	turn    chan struct{} // taken by whoever publishes

	mu       sync.Mutex
	closed   bool        // nothing is put any more; guarded by mu, as all below
	open     *packing    // the pack that grows
	sealed   []*packFile // not uploaded, or not named by an uploaded index, oldest first
	entries  []location  // what the last uploaded index names
	pending  []location  // what the next one is to name besides
	named    map[entryID]bool
	copied   map[entryID]bool // those of pending that others have published before
	notes    map[digest.Key][]byte
	noteSize int64
	first    time.Time // of the first put since the last publication; zero: none
	last     time.Time // of the last put

	failures      int       // publications that failed, in a row
	failed        error     // of the last of them
	failedAt      time.Time // by this machine's clock
	failedStill   bool      // because nothing moved
	failedAnswers int64     // how many answers there had been then
	failedOf      int       // how much there was to name then

	storeTime time.Time // of the store, from its last answer
	storeAt   time.Time // when that was, by this machine's clock

	useMu sync.Mutex // apart from mu: uses are told on the hot path
	uses  []use      // guarded by useMu, as seen
	seen  map[digest.Key]bool

	// Only whoever has the turn touches these.
	profile  profileState
	tended   time.Time // when a checkpoint was last considered
	gathered time.Time // when what was used was gathered last
	nameAt   time.Time // the time in the last name; no later name bears an earlier one
}

type entryID struct {
	in     *packFile
	offset int64
}

func newPublisher(t *Tier) (*publisher, error) {
	p := &publisher{
		t: t, adopted: make(chan struct{}), wake: make(chan struct{}, 1), turn: make(chan struct{}, 1), named: map[entryID]bool{}, copied: map[entryID]bool{},
		notes: map[digest.Key][]byte{}, seen: map[digest.Key]bool{},
	}
	if !t.o.Write {
		return p, nil
	}
	var err error
	if p.box, err = openOutbox(t.o.Outbox, t.o.ID); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *publisher) start() {
	if p.box != nil {
		p.t.running.Go(p.run)
	}
}

// put appends a record to the growing pack.
func (p *publisher) put(kind pack.Kind, name digest.Key, size int64, r io.Reader) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, err := p.appendLocked(kind, name, size, r)
	if err == nil {
		p.mentionLocked(at)
	}
	return err
}

func (p *publisher) appendLocked(kind pack.Kind, name digest.Key, size int64, r io.Reader) (location, error) {
	if p.closed {
		return location{}, errClosed
	}
	if p.waitingLocked()+size > maxOutbox {
		return location{}, errFull
	}
	if p.open != nil && p.open.w.Size() >= sealAt {
		if err := p.sealLocked(); err != nil {
			return location{}, err
		}
		p.first = longAgo
		p.nudge()
	}
	if p.open == nil {
		open, err := p.box.begin(p.t.o.Own)
		if err != nil {
			return location{}, err
		}
		p.open = open
	}
	rec, err := p.open.w.Append(kind, name, size, r)
	if err != nil {
		return location{}, err
	}
	p.t.moving.moves.Add(1)
	at := location{rec, p.open.in}
	p.t.known.prefer(at)
	return at, nil
}

// longAgo is the time of a put that is due for publication.
var longAgo = time.Time{}.Add(1)

// waitingLocked returns how many bytes wait for upload.
func (p *publisher) waitingLocked() int64 {
	var n int64
	for _, in := range p.sealed {
		ref, _, _ := in.state()
		n += ref.Size
	}
	if p.open != nil {
		n += p.open.w.Size()
	}
	return n
}

// mention has our next index name a place.
func (p *publisher) mention(at location) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mentionLocked(at)
}

func (p *publisher) mentionLocked(at location) {
	id := entryID{at.in, at.rec.Offset}
	if p.named[id] || at.in.scope.Root != p.t.o.Own.Root {
		return
	}
	p.named[id] = true
	p.pending = append(p.pending, at)
	p.last = p.t.o.Now()
	if p.first.IsZero() {
		p.first = p.last
		p.nudge()
	}
}

func (p *publisher) sealLocked() error {
	if p.open == nil {
		return nil
	}
	open := p.open
	p.open = nil
	in, err := p.box.seal(open)
	if err != nil {
		// The disk is full or failing: what the pack held is near still, and the room is needed.
		_ = os.Remove(open.file.Name())
		p.lostLocked(open.in)
		return err
	}
	if in != nil {
		p.sealed = append(p.sealed, in)
	}
	return nil
}

// lostLocked takes back what a pack was to bring.
func (p *publisher) lostLocked(in *packFile) {
	p.t.known.forgetOwn(in)
	p.pending = slices.DeleteFunc(p.pending, func(at location) bool {
		if at.in != in {
			return false
		}
		delete(p.named, entryID{at.in, at.rec.Offset})
		if at.rec.Kind == pack.Result {
			p.t.counts.Dropped.Add(1)
		}
		return true
	})
}

func (p *publisher) putNote(name digest.Key, b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noteSize+int64(len(b)) > maxNotes {
		if err := p.packNotesLocked(); err != nil {
			return err
		}
	}
	p.noteSize += int64(len(b) - len(p.notes[name]))
	p.notes[name] = slices.Clone(b)
	return nil
}

// note returns a note that waits.
func (p *publisher) note(name digest.Key) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.notes[name]
	return b, ok
}

func (p *publisher) packNotes() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.packNotesLocked()
}

// packNotesLocked seals what was put and writes the notes into a pack of their own, so that what is read on every start lies close
// together.
func (p *publisher) packNotesLocked() error {
	if len(p.notes) == 0 {
		return nil
	}
	if err := p.sealLocked(); err != nil {
		return err
	}
	for name, b := range p.notes {
		at, err := p.appendLocked(pack.Note, name, int64(len(b)), bytes.NewReader(b))
		if err != nil {
			return err
		}
		p.mentionLocked(at)
		p.noteSize -= int64(len(b))
		delete(p.notes, name)
	}
	return nil
}

func (p *publisher) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run publishes in the background.
func (p *publisher) run() {
	p.leftovers()
	close(p.adopted)
	pause := retryFirst
	var notBefore time.Time // after a failure
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, some := p.due()
		if due.Before(notBefore) {
			due = notBefore
		}
		wait := due.Sub(p.t.o.Now())
		if !some || wait > 0 {
			timer.Stop()
			if some {
				timer.Reset(wait)
			}
			select {
			case <-p.t.ctx.Done():
				return
			case <-p.wake:
				p.takeIn()
			case <-timer.C:
			}
			continue
		}
		ctx, cancel := context.WithTimeout(p.t.ctx, publishTime)
		err := p.publish(ctx, false)
		cancel()
		if p.t.ctx.Err() != nil {
			return
		}
		if err == nil {
			pause, notBefore = retryFirst, time.Time{}
			continue
		}
		notBefore = p.t.o.Now().Add(pause)
		pause = min(2*pause, retryLast)
	}
}

// due returns when what was put is to be published.
func (p *publisher) due() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first.IsZero() {
		return time.Time{}, false
	}
	due := p.first.Add(atLatest)
	if idle := p.last.Add(idleFor); idle.Before(due) {
		due = idle
	}
	return due, true
}

// close leaves what is not published to the next process. Nothing goes on in the background any more.
func (p *publisher) close() {
	if p.box == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	_ = p.sealLocked()
	p.box.close()
}
