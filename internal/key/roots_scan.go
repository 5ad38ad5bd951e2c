package key

import (
	"bytes"
	"sort"
)

// Scanner finds which roots' paths occur in a stream of bytes. A root's text inside the text of a longer one does not
// count: the longer one's value tells it.
type Scanner struct {
	roots Roots
	found []bool
	tail  []byte
	ended bool
}

// NewScanner returns a scanner that has seen nothing.
func (rs Roots) NewScanner() *Scanner {
	return &Scanner{roots: rs, found: make([]bool, len(rs))}
}

// Write scans p, as if joined to what was written before. It never fails.
func (s *Scanner) Write(p []byte) (int, error) {
	if len(s.roots) == 0 {
		return len(p), nil
	}
	// An occurrence may lie across two writes: keep as much as the longest root, and look at the seam first.
	keep := len(s.roots[0].Path)
	seam := append(s.tail, p[:min(len(p), keep)]...)
	s.scan(seam)
	s.scan(p)
	if len(p) >= keep {
		s.tail = append(s.tail[:0], p[len(p)-keep:]...)
	} else {
		s.tail = append([]byte(nil), seam[max(0, len(seam)-keep):]...)
	}
	return len(p), nil
}

func (s *Scanner) scan(p []byte) {
	for i, r := range s.roots {
		if s.found[i] {
			continue
		}
		for at := 0; ; {
			j := bytes.Index(p[at:], []byte(r.Path))
			if j < 0 {
				break
			}
			at += j
			if s.longer(i, p[at:]) {
				at += len(r.Path)
				continue
			}
			s.found[i] = true
			break
		}
	}
}

// longer reports whether a root longer than root i stands at the start of p, or may: at the end of p the next write
// tells.
func (s *Scanner) longer(i int, p []byte) bool {
	for _, r := range s.roots[:i] {
		n := min(len(p), len(r.Path))
		if (n == len(r.Path) || !s.ended) && string(p[:n]) == r.Path[:n] {
			return true
		}
	}
	return false
}

// Found returns the names of the roots found, sorted.
func (s *Scanner) Found() []string {
	// What may have begun a longer root at the very end did not.
	s.ended = true
	s.scan(s.tail)
	var names []string
	for i, r := range s.roots {
		if s.found[i] {
			names = append(names, r.Name)
		}
	}
	sort.Strings(names)
	return names
}
