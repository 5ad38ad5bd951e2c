package rustc

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// The places of files in messages: in JSON, and as people read them.
var (
	jsonFile  = regexp.MustCompile(`"file_name":("(?:[^"\\]|\\.)*")`)
	humanFile = regexp.MustCompile(`(?m)^ *(?:-->|:::) (.+?):\d+(?::\d+)?\r?$`)
)

// messages adds files that messages name and quote: those of other crates, whose macros are at fault, are in no dep-info.
func (g *gathering) messages() error {
	if bytes.Contains(g.run.Stderr, []byte("failed to connect to jobserver")) {
		// It names descriptors of this very call.
		return compile.Refuse(compile.ReasonEnvironment, "CARGO_MAKEFLAGS")
	}
	if g.in.OnlyNotices = g.onlyNotices(); g.in.OnlyNotices {
		return nil
	}
	named := map[string]bool{}
	for _, m := range jsonFile.FindAllSubmatch(g.run.Stderr, -1) {
		var name string
		if err := json.Unmarshal(m[1], &name); err != nil {
			return compile.Refuse(compile.ReasonInput, string(m[1]))
		}
		named[name] = true
	}
	if g.d.humanText {
		if bytes.IndexByte(g.run.Stderr, 0x1b) >= 0 {
			return compile.Refuse(compile.ReasonTerminal, "coloured messages")
		}
		for _, m := range humanFile.FindAllSubmatch(g.run.Stderr, -1) {
			named[string(m[1])] = true
		}
	}
	names := make([]string, 0, len(named))
	for name := range named {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := frontend.Absolute(g.c.Dir, name)
		if info, err := g.files.Stat(path); err == nil && info.IsRegular() {
			g.add(path)
		}
	}
	return nil
}

// onlyNotices reports whether all that rustc said are the lines that tell cargo of outputs. A macro that writes such a line can name nothing
// else in it.
func (g *gathering) onlyNotices() bool {
	if len(g.run.Stdout) > 0 {
		return false
	}
	for line := range bytes.Lines(g.run.Stderr) {
		m := noticeLine.FindSubmatch(line)
		if m == nil {
			return false
		}
		var name string
		if err := json.Unmarshal(m[1], &name); err != nil {
			return false
		}
		path := frontend.Absolute(g.c.Dir, name)
		if !slices.ContainsFunc(g.c.Outputs, func(o compile.Output) bool { return o.Path == path }) {
			return false
		}
	}
	return true
}

// noticeLine is what rustc writes for an output under --json=artifacts.
var noticeLine = regexp.MustCompile(`^\{"\$message_type":"artifact","artifact":("(?:[^"\\]|\\.)*"),"emit":"[a-z-]+"\}\n$`)
