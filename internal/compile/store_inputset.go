package compile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The stored form of an InputSet; values as in a stored Result:
//
//	compile-cache input set 1
//	bound checkout                  sorted
//	path <checkout>/a.c             in order
//	path /usr/include/stdio.h
//	dir <checkout>                  directories and names of the absent groups, each once, numbered from 0 in the order
//	dir /usr/include                in which the groups first use them
//	name a.h
//	name b.h
//	name bits
//	absent 0-1 / 0 2                a group: its directories, a slash, its names; runs of numbers as first-last
//	env SOURCE_DATE_EPOCH           sorted
//	once 1                          rising
//
// The tables exist because groups repeat the names of headers: with them a set of 450 paths and 60 groups stays near the size
// of its paths. The SHA-256 of the stored form is the set's name.
const inputSetHeader = "compile-cache input set 1"

// maxAbsentUses bounds the directories, and the names, of all absent groups together. A run of numbers is short to write and
// long to keep, so without a bound a small set from outside could fill the memory of its reader.
const maxAbsentUses = 1 << 20

// AppendInputSet appends the stored form of s to b. It fails where s is no valid set: Bound or Env not sorted, an empty path,
// a group without directories or names, a name of several components, Once not rising or out of range.
func AppendInputSet(b []byte, s *InputSet) ([]byte, error) {
	if err := checkInputSet(s); err != nil {
		return nil, fmt.Errorf("encode input set: %w", err)
	}
	b = append(b, inputSetHeader...)
	b = append(b, '\n')
	b = appendList(b, "bound ", s.Bound)
	b = appendList(b, "path ", s.Paths)
	dirs, names := newTable(), newTable()
	var groups []byte
	for i, g := range s.Absent {
		if len(g.Dirs) == 0 || len(g.Names) == 0 {
			return nil, fmt.Errorf("encode input set: absent group %d has no directory or no name", i)
		}
		groups = dirs.appendRuns(append(groups, "absent "...), g.Dirs)
		groups = names.appendRuns(append(groups, " / "...), g.Names)
		groups = append(groups, '\n')
		if dirs.uses > maxAbsentUses || names.uses > maxAbsentUses {
			return nil, errors.New("encode input set: too many absent names")
		}
	}
	if err := checkTables(dirs.words, names.words); err != nil {
		return nil, fmt.Errorf("encode input set: %w", err)
	}
	b = appendList(b, "dir ", dirs.words)
	b = appendList(b, "name ", names.words)
	b = append(b, groups...)
	b = appendList(b, "env ", s.Env)
	for _, i := range s.Once {
		b = append(strconv.AppendInt(append(b, "once "...), int64(i), 10), '\n')
	}
	return b, nil
}

// ParseInputSet reads what AppendInputSet wrote and nothing else. The set shares no memory with b, but its slices share
// memory among each other.
func ParseInputSet(b []byte) (*InputSet, error) {
	l, err := newLines(b, inputSetHeader)
	if err != nil {
		return nil, fmt.Errorf("parse input set: %w", err)
	}
	s := &InputSet{Bound: l.list("bound"), Paths: l.list("path")}
	dirs, names := reading{words: l.list("dir")}, reading{words: l.list("name")}
	for {
		text, ok := l.next("absent")
		if !ok {
			break
		}
		left, right, _ := strings.Cut(text, " / ")
		g := AbsentNames{Dirs: dirs.runs(left), Names: names.runs(right)}
		if g.Dirs == nil || g.Names == nil {
			l.fail("absent group " + strconv.Itoa(len(s.Absent)) + " is malformed")
		}
		s.Absent = append(s.Absent, g)
	}
	if dirs.used != len(dirs.words) || names.used != len(names.words) || !distinct(dirs.words) || !distinct(names.words) {
		l.fail("a directory or name is unused or repeated")
	}
	s.Env = l.list("env")
	for {
		text, ok := l.next("once")
		if !ok {
			break
		}
		i, ok := parseIndex(text)
		if !ok {
			l.fail("once is no index")
		}
		s.Once = append(s.Once, i)
	}
	if err = l.end(); err == nil {
		err = checkInputSet(s)
	}
	if err == nil {
		err = checkTables(dirs.words, names.words)
	}
	if err != nil {
		return nil, fmt.Errorf("parse input set: %w", err)
	}
	return s, nil
}

func checkInputSet(s *InputSet) error {
	if !rising(s.Bound) || slices.Contains(s.Bound, "") {
		return errors.New("bound roots are not sorted names")
	}
	if !rising(s.Env) || slices.Contains(s.Env, "") {
		return errors.New("variables are not sorted names")
	}
	if slices.Contains(s.Paths, "") {
		return errors.New("empty path")
	}
	last := -1
	for _, i := range s.Once {
		if i <= last || i >= len(s.Paths) {
			return fmt.Errorf("once %d is out of order or range", i)
		}
		last = i
	}
	return nil
}

// checkTables checks the words of all absent groups, once for each word instead of once for each use.
func checkTables(dirs, names []string) error {
	if slices.Contains(dirs, "") {
		return errors.New("absent names in an empty directory")
	}
	for _, n := range names {
		if n == "" || n == "." || n == ".." || strings.IndexByte(n, '/') >= 0 {
			return fmt.Errorf("absent name %.60q is not one component", n)
		}
	}
	return nil
}

// rising reports whether a list is sorted and has no equal neighbours.
func rising(list []string) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

func distinct(list []string) bool {
	seen := make(map[string]struct{}, len(list))
	for _, s := range list {
		seen[s] = struct{}{}
	}
	return len(seen) == len(list)
}

func appendList(b []byte, label string, list []string) []byte {
	for _, v := range list {
		b = append(appendValue(append(b, label...), v), '\n')
	}
	return b
}

// list takes all lines with this label.
func (l *lines) list(label string) []string {
	var list []string
	for {
		v, ok := l.value(label)
		if !ok {
			return slices.Clip(list)
		}
		list = append(list, v)
	}
}

// table numbers words in the order of their first use.
type table struct {
	words  []string
	uses   int
	number map[string]int
}

func newTable() *table { return &table{number: map[string]int{}} }

// appendRuns appends the numbers of list: "0 2-5".
func (t *table) appendRuns(b []byte, list []string) []byte {
	t.uses += len(list)
	first, last := -1, -1
	for i, word := range list {
		n, ok := t.number[word]
		if !ok {
			n = len(t.words)
			t.number[word] = n
			t.words = append(t.words, word)
		}
		if i > 0 && n == last+1 {
			last = n
			continue
		}
		if i > 0 {
			b = append(appendRun(b, first, last), ' ')
		}
		first, last = n, n
	}
	return appendRun(b, first, last)
}

func appendRun(b []byte, first, last int) []byte {
	b = strconv.AppendInt(b, int64(first), 10)
	if last > first {
		b = strconv.AppendInt(append(b, '-'), int64(last), 10)
	}
	return b
}

// reading is a table while the groups that use it are read.
type reading struct {
	words []string
	used  int // how many of the words have been used
	uses  int // as in table
}

// runs returns the words that text numbers, or nil where it is not what appendRuns writes. A single run shares the table's memory.
func (t *reading) runs(text string) []string {
	var list []string
	last := -2
	for more := true; more; {
		var run string
		run, text, more = strings.Cut(text, " ")
		from, to, isRun := strings.Cut(run, "-")
		first, ok := parseIndex(from)
		if !ok || first == last+1 || first > t.used {
			return nil
		}
		last = first
		if isRun {
			if last, ok = parseIndex(to); !ok || last <= first {
				return nil
			}
		}
		if last >= len(t.words) {
			return nil
		}
		t.used = max(t.used, last+1)
		if t.uses += last + 1 - first; t.uses > maxAbsentUses {
			return nil
		}
		if list == nil && !more {
			return t.words[first : last+1 : last+1]
		}
		list = append(list, t.words[first:last+1]...)
	}
	return list
}

// parseIndex reads a small decimal number in its one spelling.
func parseIndex(s string) (int, bool) {
	if s == "" || len(s) > 9 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
