//go:build unix

package rustoracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/oracle"
)

// compile is one compile of a crate.
func (c *Call) compile(o *options) Answer {
	s := &session{Call: c, o: o}
	var a Answer
	if err := s.make(&a); err != nil {
		var f *failure
		if !errors.As(err, &f) {
			f = &failure{text: err.Error()}
		}
		a.Status = 1
		a.Stderr = append(a.Stderr, diagnostic("error", f.code+" "+f.text, f.file, 1, "")...)
		a.Stderr = append(a.Stderr, diagnostic("error", "aborting due to 1 previous error", "", 0, "")...)
	}
	return a
}

// diagnostic is one message.
func diagnostic(level, text, file string, number int, quoted string) []byte {
	type span struct {
		File string              `json:"file_name"`
		Line int                 `json:"line_start"`
		Text []map[string]string `json:"text"`
	}
	type message struct {
		Type     string `json:"$message_type"`
		Text     string `json:"message"`
		Level    string `json:"level"`
		Spans    []span `json:"spans"`
		Rendered string `json:"rendered"`
	}
	m := message{"diagnostic", text, level, []span{}, level + ": " + text + "\n"}
	if file != "" {
		m.Spans = append(m.Spans, span{file, number, []map[string]string{{"text": quoted}}})
		m.Rendered += fmt.Sprintf(" --> %s:%d\n", file, number)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(m) // strings always can be
	return b.Bytes()
}

// notice tells that an output is there.
func notice(path, kind string) []byte {
	return fmt.Appendf(nil, "{\"$message_type\":\"artifact\",\"artifact\":%q,\"emit\":%q}\n", path, kind)
}

// make compiles, and fills the answer in as far as it gets.
func (s *session) make(a *Answer) error {
	compiler, err := s.compiler()
	if err != nil {
		return err
	}
	if s.p, err = s.readSources(s.o); err != nil {
		return err
	}
	s.reach(oracle.Opened)
	m := &metadata{Name: s.o.crate, Extra: s.o.extra, Macro: s.o.kind == "proc-macro"}
	var code strings.Builder
	fmt.Fprintf(&code, "by %s of %s\n%s\n%q\n", compiler, s.o.mapped(s.Dir), strings.Join(s.o.flags, "\n"), s.o.features)
	if err := s.statements(m, &code, a); err != nil {
		return err
	}
	for _, f := range s.p.files {
		fmt.Fprintf(&code, "%s %s\n", s.o.mapped(f.name), sum(f.text))
		m.Sources = append(m.Sources, quotable{s.o.mapped(f.name), sum(f.text)})
	}
	m.Loads = s.references()
	for _, r := range m.Loads {
		fmt.Fprintf(&code, "loads %s%s %s\n", r.Name, r.Extra, r.SVH)
	}
	for _, l := range s.o.libs {
		if !l.Static {
			m.Libs = append(m.Libs, l)
		}
	}
	m.SVH = sum([]byte(code.String()))
	return s.outputs(a, m, []byte("object "+m.SVH+"\n"))
}

// statements does what the crate says, line by line. What comes out is part of the code; of a variable that only leads to a file nothing is.
func (s *session) statements(m *metadata, code *strings.Builder, a *Answer) error {
	for _, l := range s.p.lines {
		verb, rest, _ := strings.Cut(l.text, " ")
		switch verb {
		case "use":
			if err := s.use(strings.TrimSuffix(rest, ";"), l.file); err != nil {
				return err
			}
		case "warn!":
			if !s.o.quiet {
				a.Stderr = append(a.Stderr, diagnostic("warning", rest, s.o.mapped(l.file), l.number, l.text)...)
			}
		case "blames!": // a macro of another crate is at fault, and quoted
			s.blame(rest, a)
		case "derive!":
			name, argument, _ := strings.Cut(rest, " ")
			text, err := s.expand(name, argument, l.file)
			if err != nil {
				return err
			}
			code.WriteString(text + "\n")
		case "macro":
			m.Exports = append(m.Exports, l.text)
		default:
			if isAction(l.text) {
				m.Actions = append(m.Actions, l.text)
			}
		}
		code.WriteString(l.text + "\n")
	}
	if m.Macro {
		for _, l := range s.crates {
			if !l.Macro {
				m.Actions = append(m.Actions, l.Actions...)
			}
		}
	}
	return nil
}

// blame warns of the first line of a crate's source, which is quoted where the file is what it was.
func (s *session) blame(name string, a *Answer) {
	for _, l := range s.crates {
		if l.Name != name || s.o.quiet || len(l.Sources) == 0 {
			continue
		}
		quoted := ""
		at := l.Sources[len(l.Sources)-1]
		if text, err := os.ReadFile(s.abs(at.Name)); err == nil && sum(text) == at.Sum {
			quoted, _, _ = strings.Cut(string(text), "\n")
		}
		a.Stderr = append(a.Stderr, diagnostic("warning", "in a macro of "+name, at.Name, 1, quoted)...)
	}
}

// outputs makes the files.
func (s *session) outputs(a *Answer, m *metadata, object []byte) error {
	stem := s.o.crate + s.o.extra
	dir := s.o.outDir + "/"
	var listed []string // in dep-info
	dep := File{Path: s.abs(dir + stem + ".d")}
	program := map[string]string{"bin": stem, "proc-macro": "lib" + stem + ".so", "staticlib": "lib" + stem + ".a"}[s.o.kind]
	if s.o.emits("dep-info") {
		listed = append(listed, dir+stem+".d")
	}
	if s.o.emits("link") {
		listed = append(listed, dir+map[bool]string{true: program, false: "lib" + stem + ".rlib"}[program != ""])
	}
	if s.o.emits("metadata") {
		listed = append(listed, dir+"lib"+stem+".rmeta")
	}
	if s.o.emits("dep-info") {
		dep.Data = s.depInfo(listed)
		a.Files = append(a.Files, dep)
		a.Stderr = append(a.Stderr, notice(dir+stem+".d", "dep-info")...)
	}
	if s.o.emits("metadata") {
		data := m.encode()
		if s.o.kind == "bin" || s.o.kind == "staticlib" {
			data = nil // nobody loads it
		}
		a.Files = append(a.Files, File{Path: s.abs(dir + "lib" + stem + ".rmeta"), Data: data, Replaced: true})
		a.Stderr = append(a.Stderr, notice(dir+"lib"+stem+".rmeta", "metadata")...)
	}
	if !s.o.emits("link") {
		s.reach(oracle.Read)
		return nil
	}
	statics, err := s.statics()
	if err != nil {
		return err
	}
	if program == "" {
		members := []member{{"lib.rmeta", oracle.Image("wrapped " + string(m.encode()))}, {stem + ".0.rcgu.o", oracle.Image(string(object))}}
		if members, err = bundle(members, statics); err != nil {
			return err
		}
		s.reach(oracle.Read)
		a.Files = append(a.Files, File{Path: s.abs(dir + "lib" + stem + ".rlib"), Data: archive(members), Replaced: true})
		a.Stderr = append(a.Stderr, notice(dir+"lib"+stem+".rlib", "link")...)
		return nil
	}
	if s.o.kind == "staticlib" {
		return s.staticLibrary(a, []member{{stem + ".0.rcgu.o", oracle.Image(string(object))}}, statics, dir+program)
	}
	linked, list, err := s.link(object, statics, m, s.abs(dir+program))
	if err != nil {
		return err
	}
	s.reach(oracle.Read)
	a.Hidden = list
	a.Files = append(a.Files, File{Path: s.abs(dir + program), Data: linked, Program: true, Replaced: true})
	a.Stderr = append(a.Stderr, notice(dir+program, "link")...)
	return nil
}

// bundle adds the members of native libraries: the model's have one, or none.
func bundle(members []member, files []string) ([]member, error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if len(text) > 0 {
			members = append(members, member{"native.o", oracle.Image(string(text))})
		}
	}
	return members, nil
}

// staticLibrary makes a library of all code, without a linker.
func (s *session) staticLibrary(a *Answer, members []member, statics []string, output string) error {
	for _, l := range s.crates {
		switch {
		case l.Macro:
		case l.code == "":
			return &failure{"", "crate `" + l.Name + "` required to be available in rlib format, but was not found in this form", ""}
		default:
			statics = append(statics, l.code)
		}
	}
	members, err := bundle(members, statics)
	if err != nil {
		return err
	}
	s.reach(oracle.Read)
	a.Files = append(a.Files, File{Path: s.abs(output), Data: archive(members), Replaced: true})
	a.Stderr = append(a.Stderr, notice(output, "link")...)
	return nil
}

// depInfo writes what the compile read as rustc does.
func (s *session) depInfo(outputs []string) []byte {
	var b, files strings.Builder
	escape := func(p string) string { return strings.ReplaceAll(p, " ", `\ `) }
	for _, f := range s.p.files {
		files.WriteString(" " + escape(f.name))
	}
	for _, o := range outputs {
		b.WriteString(escape(o) + ":" + files.String() + "\n\n")
	}
	for _, f := range s.p.files {
		b.WriteString(escape(f.name) + ":\n")
	}
	if len(s.p.env) > 0 {
		b.WriteString("\n")
	}
	escapeEnv := strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`)
	for _, name := range slices.Sorted(maps.Keys(s.p.env)) {
		b.WriteString("# env-dep:" + escapeEnv.Replace(name))
		if v := s.p.env[name]; v != nil {
			b.WriteString("=" + escapeEnv.Replace(*v))
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// statics finds the static libraries of -l and of link attributes: the first in the order of the directories.
func (s *session) statics() ([]string, error) {
	var files []string
	for _, l := range slices.Concat(s.o.libs, s.p.statics) {
		if !l.Static {
			continue
		}
		found := ""
		for _, dir := range s.o.nativeDirs {
			if p := filepath.Join(dir, "lib"+l.Name+".a"); isFile(p) {
				found = p
				break
			}
		}
		if found == "" {
			return nil, &failure{"", "could not find native static library `" + l.Name + "`", ""}
		}
		files = append(files, found)
	}
	return files, nil
}
