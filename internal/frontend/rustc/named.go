package rustc

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// A macro that reads variables may be told by its user which: variable!("GITHUB_SHA"). Then the name is neither in the macro's library nor
// in dep-info, but in the crate's sources, or in those of a crate whose macro_rules! pass it on. So what looks like the name of a
// variable that else does not count (environment.go) is looked for in all of these, and in files that macros may read. Well-known macros take no such orders.

// maxNamed bounds such names of one compile. A crate that knows the build services of the world names some hundreds.
const maxNamed = 4096

// named adds the variables that sources and crates name, where macros that are not well known read more than tokens.
func (g *gathering) named(sources []string) error {
	if !g.d.asked {
		return nil
	}
	found := map[string]bool{}
	for _, path := range slices.Concat(sources, g.d.crates) {
		if isShared(path) && !slices.Contains(g.d.dylibs, path) {
			continue
		}
		names, err := g.namesIn(path)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		for _, name := range names {
			found[name] = true
		}
	}
	for _, t := range g.d.trees {
		for _, path := range t.files {
			if !g.ordersIn(path) {
				continue
			}
			names, err := g.namesIn(path)
			if err != nil {
				return compile.Refuse(compile.ReasonInput, err.Error())
			}
			for _, name := range names {
				if !strings.HasSuffix(name, "_") {
					found[name] = true
				}
			}
		}
	}
	if len(found) > maxNamed {
		return compile.Refuse(compile.ReasonMacro, fmt.Sprintf("the sources seem to name more than %d variables", maxNamed))
	}
	for name := range found {
		if strings.HasSuffix(name, "_") {
			return compile.Refuse(compile.ReasonMacro, "the names of variables may be put together from "+name)
		}
		g.in.Env = append(g.in.Env, name)
		if value, _ := g.c.Getenv(name); strings.HasPrefix(value, "/") {
			g.in.BindPaths = append(g.in.BindPaths, value)
		}
	}
	return nil
}

// maxOrders bounds a file that may tell a macro which variables to read.
const maxOrders = 1 << 20

// otherCode are endings and names of files that name variables for others than macros: sources, whose crate's count in any case, scripts, and what is
// for people. They name many, among them such that differ in each job.
var otherCode = set(".rs", ".md", ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat", ".py", ".rb", ".js", ".mjs", ".cjs", ".ts", ".go", ".c", ".h", ".mk", ".yml", ".yaml", ".lock",
	"Makefile", "Dockerfile", "Justfile", "justfile", "Jenkinsfile")

// ordersIn reports whether a file that macros may read, such as a template, may tell one which variables to read.
func (g *gathering) ordersIn(path string) bool {
	if base := filepath.Base(path); strings.HasSuffix(path, "/") || otherCode[base] || otherCode[filepath.Ext(base)] {
		return false
	}
	info, err := g.files.Stat(path)
	return err == nil && info.Size <= maxOrders
}

// namesIn returns the names of such variables in a file, from memory where its content is known.
func (g *gathering) namesIn(path string) ([]string, error) {
	d, err := g.files.Digest(path)
	if err != nil {
		return nil, err
	}
	if known, ok := g.f.named.Get(d); ok {
		return known, nil
	}
	content, d, err := g.files.Read(path, maxCrate)
	if err != nil {
		return nil, err
	}
	names := noiseNames(content)
	g.f.named.Set(d, names)
	return names, nil
}

// noiseWords are what noise is known by, as it stands in names.
var noiseWords = slices.Concat(noisePrefixes, secretWords)

// noiseNames finds names of noise in a text. Those by which it is known whole are common words, and count as literals only. A literal
// that ends where a name would go on is returned as it is.
func noiseNames(content []byte) []string {
	found := map[string]bool{}
	for _, text := range noiseWords {
		rest, at := []byte(text), 0
		for {
			i := bytes.Index(content[at:], rest)
			if i < 0 {
				break
			}
			start, end := at+i, at+i+len(text)
			for start > 0 && isNameByte(content[start-1]) {
				start--
			}
			for end < len(content) && isNameByte(content[end]) {
				end++
			}
			at = end
			name := string(content[start:end])
			if name[0] >= '0' && name[0] <= '9' {
				name = strings.TrimLeft(name, "0123456789")
			}
			if _, isNoise := noiseFor(name); !isNoise || len(name) > maxName {
				continue
			}
			if strings.HasSuffix(name, "_") && !isQuoted(content, start, end) {
				continue // of prose, such as GITHUB_*
			}
			found[name] = true
		}
	}
	for name := range noise {
		if bytes.Contains(content, []byte(`"`+name+`"`)) {
			found[name] = true
		}
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// maxName is the longest name of a variable that is taken for one.
const maxName = 100

func isQuoted(content []byte, start, end int) bool {
	return start > 0 && content[start-1] == '"' && end < len(content) && content[end] == '"'
}

// isNameByte reports whether a byte is of names as variables have them: metadata, where texts stand one behind the other, has
// lengths and marks between them that are none of these.
func isNameByte(c byte) bool { return c == '_' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' }
