package key

import (
	"bytes"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Schema is the first ingredient of every recipe. It is bumped by hand with every change of what a recipe, an input set or
// a key means, so that releases share a cache until then; testdata/recipe holds goldens of the current schema.
const Schema = 2

// Recipe is the prose that names a compilation.
type Recipe struct {
	Text []byte     // printable, one labelled line per ingredient
	Key  digest.Key // the compilation digest
	// Bound are the roots on which outputs depend whatever a scan of them shows, sorted.
	Bound []string
	// Mapped are the roots whose names are mapped: values of an input set's variables that lie below them are spelled.
	Mapped []string
}

// Settings are those ingredients of a recipe that come from our own settings.
type Settings struct {
	Salt string   // COMPILE_CACHE_KEY_SALT
	Env  []string // COMPILE_CACHE_KEY_ENV: further variables that count
	// Inputs are COMPILE_CACHE_EXTRA_INPUTS, absolute: sets made without them must not answer where they are asked for.
	Inputs []string
	// Mapped are the names of the roots that maps among the arguments take out of outputs.
	Mapped []string
}

// Write writes the recipe of a compilation made with a toolchain of the given identity.
func Write(c *compile.Compilation, tc *compile.Toolchain, id digest.Key, source digest.Digest, roots Roots, set Settings) Recipe {
	var b bytes.Buffer
	line := func(label, value string) {
		b.WriteString(label)
		b.WriteByte(' ')
		b.WriteString(printable(value))
		b.WriteByte('\n')
	}
	bound := map[string]bool{}

	line("compile-cache recipe", strconv.Itoa(Schema))
	line("language", c.Language)
	// By content, so that a reinstalled compiler is the same; but messages name the program, and some drivers choose
	// language or target by their name.
	line("compiler", id.String())
	line("program", filepath.Base(c.Program))
	for _, f := range tc.Facts {
		line("fact", f)
	}
	for _, f := range c.Facts {
		line("fact", f)
	}
	// Relative names start here. The root's own value is left to the key, and there only where outputs hold it.
	line("directory", roots.SpellPath(c.Dir))
	if c.Source == "" {
		line("source", "standard input")
	} else {
		line("source", roots.SpellPath(c.Source))
	}
	if c.PerSource {
		// One ./configure compiles hundreds of conftest.c alike; each gets its own manifest.
		line("content", source.String())
	}
	after := ""
	for _, arg := range c.Args {
		spelled, names := roots.SpellArg(after, arg)
		line("argument", spelled)
		for _, n := range names {
			bound[n] = true
		}
		after = arg
	}
	for _, n := range roots.boundByMaps(c.Args) {
		bound[n] = true
	}
	for _, n := range roots.insideMapped(set.Mapped) {
		bound[n] = true
	}
	// Only variables that compilers read. Unset differs from empty: an unset one has no line.
	names := append(append([]string(nil), c.EnvNames...), set.Env...)
	sort.Strings(names)
	for i, n := range names {
		if i > 0 && names[i-1] == n {
			continue
		}
		if v, ok := c.Getenv(n); ok {
			line("variable", n+"="+v)
			for _, r := range roots {
				if strings.Contains(v, r.Path) {
					bound[r.Name] = true
				}
			}
		}
	}
	if c.Columns > 0 {
		// On a terminal compilers colour and wrap their messages.
		line("terminal", strconv.Itoa(c.Columns)+" columns")
	}
	if set.Salt != "" {
		line("salt", set.Salt)
	}
	for _, p := range set.Inputs {
		line("extra input", roots.SpellPath(p))
	}
	if c.BindAll != "" {
		line("bound to all roots", c.BindAll)
		for _, r := range roots {
			bound[r.Name] = true
		}
	}
	for _, n := range roots.Awkward() {
		// A template that another checkout made would be restored without the escapes.
		line("awkward root", n)
		bound[n] = true
	}

	rec := Recipe{Text: b.Bytes(), Mapped: set.Mapped}
	rec.Key = digest.KeyOf(rec.Text)
	for n := range bound {
		rec.Bound = append(rec.Bound, n)
	}
	sort.Strings(rec.Bound)
	return rec
}

// printable quotes a value that does not stand for itself on one line.
func printable(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f || c >= 0x80 {
			return strconv.Quote(s)
		}
	}
	if strings.HasPrefix(s, `"`) || strings.HasPrefix(s, " ") {
		return strconv.Quote(s)
	}
	return s
}

// Identity returns the identity of a toolchain: roles and contents of its files, not their paths, so that the same compiler
// installed elsewhere is the same.
func Identity(tc *compile.Toolchain) digest.Key {
	return digest.KeyOf([]byte("kind " + tc.Kind + "\n" + strings.Join(ToolLines(tc), "\n")))
}

// ToolLines lists role and digest of a toolchain's files.
func ToolLines(tc *compile.Toolchain) []string {
	lines := make([]string, len(tc.Files))
	for i, f := range tc.Files {
		lines[i] = f.Role + " " + f.Digest.String()
	}
	return lines
}

var _ frontend.Files = (*State)(nil)
