//go:build unix

package wrapper

import "github.com/compile-cache/compile-cache-action/internal/protocol"

// said are the lines of stderr that an Early had us write. Should the compiler run after all, because the daemon died or found no place
// for an output, it says them again, and cargo ends in a panic when it is told a second time that metadata is there. So each
// is left out once of what is passed on.
type said struct {
	lines []string
	part  []byte // of a line, not yet passed on
}

// add notes text that was written.
func (s *said) add(text []byte) {
	for len(text) > 0 {
		n := lineEnd(text)
		s.lines = append(s.lines, string(text[:n]))
		text = text[n:]
	}
}

// unsay has what a run said left out of what the next one says: it failed by something of ours.
func (t *conversation) unsay() {
	if t.said == nil {
		t.said = &said{}
	}
	t.said.add(t.heard)
}

// pass returns what of b, and of what was kept before, is to be passed on: whole lines. At the end of a stream b is empty, and the
// rest is returned.
func (s *said) pass(b []byte) []byte {
	if len(b) == 0 {
		rest := s.part
		s.part = nil
		return rest
	}
	s.part = append(s.part, b...)
	var out []byte
	for {
		n := lineEnd(s.part)
		if n == 0 || s.part[n-1] != '\n' {
			return out
		}
		if !s.forget(string(s.part[:n])) {
			out = append(out, s.part[:n]...)
		}
		s.part = s.part[n:]
	}
}

// forget reports whether a line was said, for the last time.
func (s *said) forget(line string) bool {
	for i, l := range s.lines {
		if l == line {
			s.lines = append(s.lines[:i], s.lines[i+1:]...)
			return true
		}
	}
	return false
}

// lineEnd returns the length of the first line, its end included.
func lineEnd(b []byte) int {
	for i, c := range b {
		if c == '\n' {
			return i + 1
		}
	}
	return len(b)
}

// runUnsaid is become for a call of which something was said.
func (t *conversation) runUnsaid() int {
	report, status := t.run(&protocol.Run{Capture: true})
	if report == nil {
		return status
	}
	return t.child.exit()
}
