package engine

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/key"
)

// Of Rust a difference is told in cargo's terms. Most of what changes in a call only follows from something else: cargo puts a hash of
// version, features, flags, compiler and dependencies into the names of all files. Such consequences are told only where no cause is
// found, and a crate of another name stands for whatever changed in it.

// rustDifferences lists what differs between an earlier compile and this one.
func (c *call) rustDifferences(ctx, asking context.Context, o noted) []compile.Cause {
	causes, consequences := c.diffRust(o)
	if compilation, err := digest.ParseKey(o.Compilation); err == nil {
		if compilation != c.recipe.Key && len(causes)+len(consequences) == 0 {
			causes = append(causes, compile.Cause{Kind: "flag", Name: "order of the arguments"})
		}
		if set := c.setOf(ctx, asking, compilation, o.Set); set != nil {
			causes = c.nameFiles(append(causes, c.diffRustInputs(set, o)...), set)
		}
	}
	if len(causes) > 0 {
		return causes
	}
	crates := slices.DeleteFunc(slices.Clone(consequences), func(c compile.Cause) bool { return c.Kind != "crate" })
	if len(crates) > 0 {
		return crates
	}
	return consequences
}

// nameFiles tells which files came where it is known only that some came or went, which an earlier compile's set names.
func (c *call) nameFiles(causes []compile.Cause, set *compile.InputSet) []compile.Cause {
	some := func(c compile.Cause) bool { return c.Kind == "other" && strings.HasPrefix(c.Name, compile.FilesFact) }
	if !slices.ContainsFunc(causes, some) {
		return causes
	}
	known := map[string]bool{}
	for _, spelled := range set.Paths {
		if path, ok := c.roots.ExpandPath(spelled); ok {
			known[path] = true
		}
	}
	named := slices.ContainsFunc(causes, func(c compile.Cause) bool { return c.Kind == "file-removed" })
	for _, path := range slices.Concat(c.comp.Listed...) {
		if !known[path] && !strings.HasSuffix(path, "/") {
			causes = append(causes, compile.Cause{Kind: "file-appeared", Name: path})
			named = true
		}
	}
	if named {
		causes = slices.DeleteFunc(causes, some)
	}
	return causes
}

// diffRust compares an earlier compile's recipe with this one's and returns causes and mere consequences.
func (c *call) diffRust(o noted) (causes, consequences []compile.Cause) {
	was, now := joinOptions(o.Recipe), joinOptions(string(c.recipe.Text))
	gone, come := missingLines(was, now), missingLines(now, was)
	tell := func(label, was, now string) {
		cause, consequence := c.rustCause(label, was, now)
		switch {
		case label == "compiler":
			// Version or files are named below.
		case consequence:
			consequences = append(consequences, cause)
		default:
			causes = append(causes, cause)
		}
	}
	for _, line := range gone {
		label, value, _ := strings.Cut(line, " ")
		tell(label, value, takeRust(&come, line))
	}
	for _, line := range come {
		label, value, _ := strings.Cut(line, " ")
		tell(label, "", value)
	}
	tools := key.ToolLines(c.tc)
	switch {
	case slices.Equal(o.Tools, tools):
	case o.Version != c.tc.Version && o.Version != "" && c.tc.Version != "":
		causes = slices.Insert(causes, 0, compile.Cause{Kind: "compiler", Name: c.tc.Version, Was: o.Version, Now: c.tc.Version})
	default:
		causes = append(causes, toolCauses(o.Tools, tools)...)
	}
	return causes, consequences
}

// joinOptions puts each option of a recipe and its value onto one line.
func joinOptions(recipe string) string {
	var b strings.Builder
	open := false // the last line is an option whose value follows
	for line := range strings.Lines(recipe) {
		arg, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "argument ")
		switch {
		case ok && open:
			b.WriteString(" " + arg + "\n")
			open = false
			continue
		case open:
			b.WriteByte('\n')
		}
		open = ok && takesValue(arg)
		if len(arg) > 2 && ok && arg[0] == '-' && strings.IndexByte("ACDFWZ", arg[1]) >= 0 && arg[2] != ' ' {
			line = "argument " + arg[:2] + " " + arg[2:] + "\n"
		}
		if open {
			line = strings.TrimSuffix(line, "\n")
		}
		b.WriteString(line)
	}
	return b.String()
}

// takesValue reports whether an argument of a recipe is followed by its value. Options that rustc does not know are in no recipe.
func takesValue(arg string) bool {
	switch {
	case strings.HasPrefix(arg, "--extern "):
		return !slices.Contains([]string{"proc_macro", "std", "core", "alloc", "test"}, arg[len("--extern "):])
	case strings.HasPrefix(arg, "-L "):
		return true
	case len(arg) == 2 && arg[0] == '-':
		return strings.IndexByte("ACDFWZl", arg[1]) >= 0
	}
	switch arg {
	case "source", "--out-dir", "--cfg", "--check-cfg", "--crate-name", "--crate-type", "--edition", "--emit", "--target", "--cap-lints", "--codegen", "--allow",
		"--warn", "--deny", "--forbid", "--force-warn", "--json", "--error-format", "--color", "--diagnostic-width", "--remap-path-prefix", "--remap-path-scope":
		return true
	}
	return false
}

// rustName returns what names an argument, a variable or a fact: two lines of equal name replace each other.
func rustName(label, value string) string {
	switch {
	case label == "fact" && !strings.Contains(value, "="):
		return value[:max(strings.LastIndexByte(value, ' '), 0)]
	case label == "fact", label == "variable":
		name, _, _ := strings.Cut(value, "=")
		return name
	case label != "argument":
		return label
	case strings.HasPrefix(value, "--extern "), strings.HasPrefix(value, "-L "):
		words := strings.SplitN(value, " ", 3)
		return strings.Join(words[:2], " ")
	case strings.HasPrefix(value, "--cfg"), strings.HasPrefix(value, "--check-cfg"):
		return value
	case strings.HasPrefix(value, "--"):
		return value[:max(strings.IndexAny(value+"=", " ="), 0)]
	}
	return nameOf(value)
}

// takeRust removes the line that replaces another one and returns its value.
func takeRust(lines *[]string, line string) string {
	label, value, _ := strings.Cut(line, " ")
	for i, other := range *lines {
		l, v, _ := strings.Cut(other, " ")
		if l == label && rustName(l, v) == rustName(label, value) {
			*lines = slices.Delete(slices.Clone(*lines), i, i+1)
			return v
		}
	}
	return ""
}

// rustCause tells what a line stands for. A consequence follows from something else.
func (c *call) rustCause(label, was, now string) (cause compile.Cause, consequence bool) {
	either := now
	if now == "" {
		either = was
	}
	name := rustName(label, either)
	switch label {
	case "argument":
	case "fact":
		return factCause(name), false
	default:
		return lineCause(label, was, now, nil, nil)[0], false
	}
	cause = compile.Cause{Kind: "flag", Name: either, Was: was, Now: now}
	if feature, ok := strings.CutPrefix(either, `--cfg feature="`); ok {
		return compile.Cause{Kind: "feature", Name: strings.TrimSuffix(feature, `"`), Was: was, Now: now}, false
	}
	switch name {
	case "-C metadata", "-C extra-filename", "--out-dir", "-L dependency", "-L native":
		return cause, true
	}
	if strings.HasPrefix(name, "--extern ") && was != "" && now != "" {
		path := now[strings.LastIndexByte(now, ' ')+1:]
		if expanded, ok := c.roots.ExpandPath(path); ok {
			path = expanded
		}
		return compile.Cause{Kind: "crate", Name: path}, true
	}
	return cause, false
}

// factCause tells what a fact of a front-end stands for. Digests are not shown.
func factCause(name string) compile.Cause {
	if variable, ok := strings.CutPrefix(name, macroVariable); ok {
		return compile.Cause{Kind: "variable", Name: variable}
	}
	return compile.Cause{Kind: "other", Name: name}
}

// diffRustInputs compares the inputs of an earlier compile with what they are now.
func (c *call) diffRustInputs(set *compile.InputSet, o noted) []compile.Cause {
	var causes []compile.Cause
	view := c.State.NewView()
	var libraries []compile.Cause // that no argument names
	add := func(kind, name string) { causes = append(causes, compile.Cause{Kind: kind, Name: name}) }
	for i, spelled := range set.Paths {
		p, ok := c.roots.ExpandPath(spelled)
		if !ok || len(o.Inputs) < (i+1)*shortDigest {
			continue
		}
		changed := func(d digest.Digest) bool {
			sum := d.Sum()
			return string(sum[:shortDigest]) != string(o.Inputs[i*shortDigest:(i+1)*shortDigest])
		}
		kind := "file"
		switch filepath.Ext(p) {
		case ".rs":
			kind = "source"
		case ".rmeta", ".rlib", ".so", ".dylib":
			kind = "crate"
			if !slices.Contains(c.comp.Inputs, p) {
				// It has another name now, or is of no use any more, and the arguments tell; or the linker found it.
				if d, err := view.Digest(p); err == nil && changed(d) {
					libraries = append(libraries, compile.Cause{Kind: "file", Name: p})
				}
				continue
			}
		}
		d, err := view.Digest(p)
		if err != nil {
			add("file-removed", p)
			continue
		}
		if changed(d) {
			add(kind, p)
		}
	}
	lookup := key.NewLookup(view, c.checks, c.recipe, c.roots, c.inv, 1)
	if _, m := lookup.Check(set); m != nil && m.Present != "" {
		add("file-appeared", m.Present)
	}
	for i, name := range set.Env {
		if i < len(o.Env) && o.Env[i] != c.envDigest(name) {
			add("variable", name)
		}
	}
	for i, name := range set.Bound {
		if i < len(o.Bound) && o.Bound[i] != c.rootDigest(name) {
			add("directory", name)
		}
	}
	if len(causes) == 0 {
		return libraries
	}
	return causes
}

// noteOf completes a note with what an input set leaves to the key: variables and roots.
func (c *call) noteOf(set *compile.InputSet, n *noted) {
	for _, name := range set.Env {
		n.Env = append(n.Env, c.envDigest(name))
	}
	for _, name := range set.Bound {
		n.Bound = append(n.Bound, c.rootDigest(name))
	}
}

// rootDigest stands for the path of a root in notes.
func (c *call) rootDigest(name string) string {
	for _, r := range c.roots {
		if r.Name == name {
			return digest.KeyOf([]byte(r.Path)).Short()
		}
	}
	return ""
}

// envDigest stands for the value of a variable in notes, which outlive the environment; "" for one that is not set.
func (c *call) envDigest(name string) string {
	value, ok := c.inv.Getenv(name)
	if !ok {
		return ""
	}
	return digest.KeyOf([]byte(value)).Short()
}
