package cc

import (
	"bytes"
	"errors"
	"fmt"
)

// parseDepfile reads a dependency file in make's syntax as gcc, clang and as write it, and returns the prerequisites of its
// first rule and of all others that have some, in order, each once.
//
// The compilers quote a blank as `\ `, a # as `\#` and a dollar as `$$`; a backslash before a blank is doubled by gcc and
// not by clang, and otherwise stands for itself. A file from which names cannot be read for sure is an error.
func parseDepfile(b []byte) ([]string, error) {
	var (
		paths   []string
		seen    = make(map[string]bool)
		name    []byte
		inName  bool
		targets = true // before the colon of a rule
		rules   int
	)
	finish := func() {
		if inName && !targets && !seen[string(name)] {
			p := string(name)
			seen[p] = true
			paths = append(paths, p)
		}
		name, inName = name[:0], false
	}
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c == 0:
			return nil, errors.New("read dependency file: NUL byte")
		case c == '\\':
			n := 1
			for i+n < len(b) && b[i+n] == '\\' {
				n++
			}
			next := byte('\n')
			if i+n < len(b) {
				next = b[i+n]
			}
			crlf := next == '\r' && i+n+1 < len(b) && b[i+n+1] == '\n'
			switch {
			case next == '\n' || crlf:
				// A name that ends with backslashes cannot be told from a continued line.
				if n > 1 || inName {
					return nil, fmt.Errorf("read dependency file: backslash at the end of a name")
				}
				i += n + 1
				if crlf {
					i++
				}
				finish()
			case next == ' ' || next == '\t':
				// gcc doubles the backslashes before a blank and clang does not.
				if n > 1 {
					return nil, fmt.Errorf("read dependency file: backslash before a blank in a name")
				}
				name, inName = append(name, next), true
				i += n + 1
			case next == '#':
				if n > 1 {
					return nil, fmt.Errorf("read dependency file: backslash before # in a name")
				}
				name, inName = append(name, '#'), true
				i += n + 1
			case next == ':':
				// Only a target's colon is quoted; elsewhere the backslash may be the name's.
				if !targets {
					return nil, fmt.Errorf("read dependency file: backslash before a colon in a name")
				}
				name, inName = append(name, ':'), true
				i += n + 1
			default:
				name, inName = append(name, b[i:i+n]...), true
				i += n
			}
		case c == '$':
			if i+1 >= len(b) || b[i+1] != '$' {
				return nil, fmt.Errorf("read dependency file: single $")
			}
			name, inName = append(name, '$'), true
			i += 2
		case c == ' ' || c == '\t':
			finish()
			i++
		case c == '\r' && i+1 < len(b) && b[i+1] == '\n':
			i++
		case c == '\n':
			if targets && inName {
				return nil, fmt.Errorf("read dependency file: line without a rule")
			}
			finish()
			targets = true
			i++
		case c == ':' && targets && endsTarget(b, i):
			finish()
			targets = false
			rules++
			i++
		default:
			name, inName = append(name, c), true
			i++
		}
	}
	if targets && inName {
		return nil, fmt.Errorf("read dependency file: line without a rule")
	}
	finish()
	if rules == 0 {
		return nil, errors.New("read dependency file: no rule")
	}
	return paths, nil
}

// endsTarget reports whether the colon at b[i] ends the targets of a rule: a blank or the line's end follows.
func endsTarget(b []byte, i int) bool {
	rest := b[i+1:]
	if len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0 {
		return true
	}
	return bytes.HasPrefix(rest, []byte("\\\n")) || bytes.HasPrefix(rest, []byte("\\\r\n"))
}
