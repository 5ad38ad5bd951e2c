package disk

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// saveSizeEvery and saveUsesEvery bound what a killed process forgets.
	saveSizeEvery = time.Second
	saveUsesEvery = time.Hour

	// busyPause is when to look again while another process trims, failedPause after a trim that made too little room.
	busyPause   = time.Second
	failedPause = time.Minute
)

// keeper is the one background goroutine of a store: it saves the size and last uses, and trims. No put or lookup waits for it.
type keeper struct {
	s      *Store
	wake   chan struct{} // has room for one
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	closing sync.Once
	result  error // of close; written once
}

func startKeeper(s *Store) *keeper {
	ctx, cancel := context.WithCancel(context.Background())
	k := &keeper{s: s, wake: make(chan struct{}, 1), ctx: ctx, cancel: cancel, done: make(chan struct{})}
	go k.run()
	return k
}

// grown counts a change of what is stored and lets the keeper look at it.
func (s *Store) grown(change counts) {
	s.size.add(change)
	select {
	case s.keeper.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	defer close(k.done)
	save, hour, again := time.NewTimer(saveSizeEvery), time.NewTimer(saveUsesEvery), time.NewTimer(busyPause)
	save.Stop()
	again.Stop()
	saving, paused := false, false
	count := k.s.size.stale(k.s.now())
	for {
		if over := k.s.opts.MaxBytes > 0 && k.s.size.bytes() > k.s.opts.MaxBytes; (over || count) && !paused {
			count = false
			if pause := k.trim(); pause > 0 {
				paused = true
				again.Reset(pause)
			}
		}
		select {
		case <-k.ctx.Done():
			save.Stop()
			hour.Stop()
			again.Stop()
			return
		case <-k.wake:
			if !saving {
				saving = true
				save.Reset(saveSizeEvery)
			}
		case <-save.C:
			saving = false
			k.log("save size", k.s.saveSize())
		case <-hour.C:
			k.log("save last uses", k.s.saveUses(k.ctx))
			hour.Reset(saveUsesEvery)
		case <-again.C:
			paused = false
			// Another process may have made room meanwhile, and said so in the file.
			k.log("save size", k.s.saveSize())
		}
	}
}

// trim trims, and returns how long to wait before the next where this one did not do.
func (k *keeper) trim() time.Duration {
	t, err := k.s.Trim(k.ctx)
	k.log("trim", err)
	switch {
	case t.Busy:
		return busyPause
	case err != nil || k.s.opts.MaxBytes > 0 && t.Left.Bytes > k.s.opts.MaxBytes:
		return failedPause
	}
	return 0
}

func (k *keeper) log(what string, err error) {
	if err != nil && k.ctx.Err() == nil {
		k.s.log.Warn(what+" failed", "cause", err.Error())
	}
}

// close stops the goroutine and saves what is unsaved, once.
func (k *keeper) close(ctx context.Context) error {
	k.closing.Do(func() {
		k.cancel()
		select {
		case <-k.done:
		case <-ctx.Done():
			k.result = ctx.Err()
			return
		}
		k.result = errors.Join(k.s.saveUses(ctx), k.s.saveSize())
	})
	return k.result
}
