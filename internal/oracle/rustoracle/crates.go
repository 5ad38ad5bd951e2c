//go:build unix

package rustoracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// metadata is what a crate says of itself to those that load it.
type metadata struct {
	Name, Extra string
	SVH         string      // hash of the crate: of all but the content of native libraries
	Loads       []reference // all crates that were loaded, each once
	Libs        []native    // that whoever links must find
	Actions     []string    // what a procedural macro that has this code does when it runs
	Macro       bool        // the crate is procedural macros
	Sources     []quotable  // what messages may quote
	Exports     []string    // text of its macros
}

type reference struct{ Name, Extra, SVH string }

type quotable struct{ Name, Sum string }

// loaded is a crate that a compile has loaded.
type loaded struct {
	metadata
	code string // the file with its code, "" where it is not known
}

// session is one compile.
type session struct {
	*Call
	o      *options
	p      *program
	crates []*loaded // in the order in which they were loaded
}

// encode returns metadata as a file: the names of crates as rustc writes them, and all of it as JSON.
func (m *metadata) encode() []byte {
	var b bytes.Buffer
	b.WriteString("rust\x00\x00\x00\x0a")
	for _, extra := range append([]string{m.Extra}, extras(m.Loads)...) {
		if extra != "" {
			fmt.Fprintf(&b, "\x11%s\xc1", extra)
		}
	}
	b.Write(m.json())
	return b.Bytes()
}

const jsonMark = "\nJSON "

func (m *metadata) json() []byte {
	text, _ := json.Marshal(m) // strings and lists always can be
	return append([]byte(jsonMark), append(text, '\n')...)
}

func extras(refs []reference) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.Extra)
	}
	return out
}

// decode reads metadata from a file of any kind.
func decode(content []byte) (m metadata, err error) {
	_, rest, ok := bytes.Cut(content, []byte(jsonMark))
	if !ok {
		return m, errors.New("invalid metadata")
	}
	text, _, _ := bytes.Cut(rest, []byte("\n"))
	return m, json.Unmarshal(text, &m)
}

// readMetadata reads the metadata of a crate's file; of a library, that beside it where there is some.
func readMetadata(path string) (metadata, error) {
	if stem, ok := strings.CutSuffix(path, ".rlib"); ok && isFile(stem+".rmeta") {
		path = stem + ".rmeta"
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return metadata{}, err
	}
	return decode(content)
}

// use loads a crate that --extern names, and all that it names.
func (s *session) use(name, file string) error {
	at := slices.IndexFunc(s.o.externs, func(e extern) bool { return e.name == name })
	if at < 0 {
		return &failure{"E0432", "unresolved import `" + name + "`", file}
	}
	path := s.o.externs[at].path
	m, err := readMetadata(path)
	if err != nil {
		return &failure{"E0463", "can't find crate for `" + name + "`", file}
	}
	if s.find(m.Name, m.Extra) != nil {
		return nil
	}
	if strings.HasSuffix(path, ".rmeta") {
		path = ""
	}
	direct := &loaded{m, path}
	s.crates = append(s.crates, direct)
	for _, r := range m.Loads {
		if known := s.find(r.Name, r.Extra); known != nil {
			if known.SVH != r.SVH {
				return &failure{"E0460", "found possibly newer version of crate `" + r.Name + "` which `" + name + "` depends on", file}
			}
			continue
		}
		if err := s.load(r, name, file); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) find(name, extra string) *loaded {
	for _, l := range s.crates {
		if l.Name == name && l.Extra == extra {
			return l
		}
	}
	return nil
}

// load finds a crate that another one names, by its hash.
func (s *session) load(r reference, user, file string) error {
	other := false
	for _, dir := range s.o.crateDirs {
		for _, ext := range []string{".rmeta", ".rlib", ".so"} {
			path := filepath.Join(dir, "lib"+r.Name+r.Extra+ext)
			content, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			m, err := decode(content)
			if err != nil || m.SVH != r.SVH {
				other = true
				continue
			}
			code := path
			if ext == ".rmeta" {
				if code = strings.TrimSuffix(path, ext) + ".rlib"; !isFile(code) {
					code = ""
				}
			}
			s.crates = append(s.crates, &loaded{m, code})
			return nil
		}
	}
	if other {
		return &failure{"E0460", "found possibly newer version of crate `" + r.Name + "` which `" + user + "` depends on", file}
	}
	return &failure{"E0463", "can't find crate for `" + r.Name + "` which `" + user + "` depends on", file}
}

// references are the crates that were loaded, as metadata names them.
func (s *session) references() []reference {
	var refs []reference
	for _, l := range s.crates {
		refs = append(refs, reference{l.Name, l.Extra, l.SVH})
	}
	return refs
}
