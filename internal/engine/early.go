package engine

import (
	"bytes"
	"io"

	"github.com/compile-cache/compile-cache-action/internal/cache"
	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// earlyFrom is how many bytes must still be placed for an early word to be worth its message.
const earlyFrom = 1 << 20

// placeAll places the outputs whose sources are open. Those that the compiler tells of while it is still at work come first, and what it says
// up to then is passed on at once where the others take time: cargo begins what needs a crate's metadata only. Should one
// of the others then not find its place, the compiler is run as ever, and the wrapper does not pass on what was said. That
// is rare, as the others are verified files of this machine, or nothing is said early.
func (c *call) placeAll(r *compile.Result, targets []compile.Output, sources []io.ReadCloser, replay *Replay) error {
	place := func(early bool) error {
		for i, stored := range r.Outputs {
			if (targets[i].Notice != "") != early {
				continue
			}
			if err := c.place(targets[i], stored, sources[i]); err != nil {
				return err
			}
			c.event.BytesRead += stored.Blob.Size()
		}
		return nil
	}
	if err := place(true); err != nil {
		return err
	}
	if said := earlyWords(r, targets, sources, replay.Stderr); said > 0 && c.client.Early(nil, replay.Stderr[:said]) == nil {
		replay.Stderr = replay.Stderr[said:]
	}
	return place(false)
}

// earlyWords returns how much of stderr to pass on when the outputs with a notice are in place; 0 for nothing.
func earlyWords(r *compile.Result, targets []compile.Output, sources []io.ReadCloser, stderr []byte) int {
	said, later := 0, int64(0)
	for i, o := range targets {
		if o.Notice == "" {
			later += r.Outputs[i].Blob.Size()
			if _, local := sources[i].(cache.File); !local {
				return 0
			}
			continue
		}
		if before, after, ok := bytes.Cut(stderr, []byte(o.Notice)); ok {
			line, _, whole := bytes.Cut(after, []byte{'\n'})
			if whole {
				said = max(said, len(before)+len(o.Notice)+len(line)+1)
			}
		}
	}
	if later < earlyFrom {
		return 0
	}
	return said
}
