package search

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Change is one change of files, or of whatever else a world knows by the kind.
type Change struct {
	Kind string
	A, B string // paths below the world's directory, names, values
	N    int
}

func (c Change) String() string {
	s := c.Kind
	for _, x := range []string{c.A, c.B} {
		if strings.HasPrefix(x, "\x7fELF") {
			x = "ELF " + x[strings.LastIndexByte(x, 0)+1:]
		}
		if x != "" {
			s += fmt.Sprintf(" %q", x)
		}
	}
	if c.N != 0 {
		s += fmt.Sprint(" ", c.N)
	}
	return s
}

// Apply makes a change of files below dir, as far as it can be made, and reports whether it is one of these.
func (c Change) Apply(dir string, now time.Time) bool {
	a, b := filepath.Join(dir, c.A), filepath.Join(dir, c.B)
	switch c.Kind {
	case "write", "tool":
		_ = os.MkdirAll(filepath.Dir(a), 0o755)
		_ = os.WriteFile(a, []byte(c.B), 0o755)
	case "replace": // by rename, as installers and editors do
		_ = os.MkdirAll(filepath.Dir(a), 0o755)
		if os.WriteFile(a+".new", []byte(c.B), 0o755) == nil {
			_ = os.Rename(a+".new", a)
		}
	case "sneak": // same size, same time
		fi, err := os.Stat(a)
		if err != nil || fi.Size() != int64(len(c.B)) {
			return true
		}
		_ = os.WriteFile(a, []byte(c.B), 0o755)
		_ = os.Chtimes(a, fi.ModTime(), fi.ModTime())
	case "remove":
		if fi, err := os.Lstat(a); err == nil && !fi.IsDir() {
			_ = os.Remove(a)
		}
	case "clean": // a third of a directory
		entries, _ := os.ReadDir(a)
		for i, e := range entries {
			if i%3 == c.N {
				_ = os.Remove(filepath.Join(a, e.Name()))
			}
		}
	case "touch":
		_ = os.Chtimes(a, now, now)
	case "age": // a time in the past, of which there are few
		t := time.Unix(1_700_000_000, 0).Add(time.Duration(c.N) * 400 * time.Millisecond)
		_ = os.Chtimes(a, t, t)
	case "chmod":
		_ = os.Chmod(a, fs.FileMode(c.N))
	case "swap":
		if os.Rename(a, a+".swap") == nil {
			_ = os.Rename(b, a)
			_ = os.Rename(a+".swap", b)
		}
	case "rename":
		if _, err := os.Lstat(b); err != nil {
			_ = os.Rename(a, b)
		}
	case "link":
		if fi, err := os.Lstat(a); err != nil || fi.Mode()&os.ModeSymlink != 0 {
			_ = os.Remove(a)
			_ = os.Symlink(c.B, a)
		}
	default:
		return false
	}
	return true
}

// InOtherCheckout is the same change in the other of the checkouts p0 and p1, where at is the one that it is made in.
func (c Change) InOtherCheckout(at int) Change {
	for _, p := range []*string{&c.A, &c.B} {
		if rest, ok := strings.CutPrefix(*p, fmt.Sprintf("p%d/", at)); ok {
			*p = fmt.Sprintf("p%d/", 1-at) + rest
		}
	}
	return c
}

// Variables are the environment of a call. The zero value is empty and ready.
type Variables struct {
	Names  []string // in the order in which they were first set
	values map[string]string
}

// Set sets a variable.
func (v *Variables) Set(name, value string) {
	if v.values == nil {
		v.values = map[string]string{}
	}
	if _, ok := v.values[name]; !ok {
		v.Names = append(v.Names, name)
	}
	v.values[name] = value
}

// Unset takes a variable away.
func (v *Variables) Unset(name string) {
	delete(v.values, name)
	v.Names = slices.DeleteFunc(v.Names, func(n string) bool { return n == name })
}

// List returns them as NAME=VALUE, each value as fill makes it.
func (v *Variables) List(fill func(string) string) []string {
	list := make([]string, len(v.Names))
	for i, name := range v.Names {
		list[i] = name + "=" + fill(v.values[name])
	}
	return list
}
