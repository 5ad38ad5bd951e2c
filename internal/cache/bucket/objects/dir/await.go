package dir

import "context"

// await calls f, which may block in the kernel, and returns what it returns, or ctx's error once ctx has ended. f then goes on by
// itself, and what it gives without error is handed to late.
func await[T any](ctx context.Context, s *Store, f func() (T, error), late func(T)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	type answer struct {
		value T
		err   error
	}
	answers, gone := make(chan answer), make(chan struct{})
	go func() {
		defer func() { <-s.slots }()
		value, err := f()
		select {
		case answers <- answer{value, err}:
		case <-gone:
			if err == nil && late != nil {
				late(value)
			}
		}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		close(gone)
		return none, ctx.Err()
	}
}

// settle calls f, and waits for it unless ctx has ended: what must be done either way.
func (s *Store) settle(ctx context.Context, f func()) {
	done := make(chan struct{})
	go func() {
		s.slots <- struct{}{}
		defer func() { <-s.slots }()
		f()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
