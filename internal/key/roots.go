package key

import (
	"path"
	"sort"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Root is a directory below which paths are spelled with a placeholder.
type Root struct {
	Name string // "checkout", "home", "root1" and so on, "directory"
	Path string // absolute, clean
}

// Roots are the roots of one invocation, longest path first, so that the innermost wins.
type Roots []Root

// FindRoots returns the roots of an invocation: the checkout (GITHUB_WORKSPACE, else the nearest directory upwards that
// holds .git), HOME, the further ones, and the working directory where it lies in none of these. What is a root already keeps
// its name. "/" and top-level directories are never roots: their text is everywhere. exists is Files.Exists.
func FindRoots(inv *compile.Invocation, exists func(dir, name string) bool, further ...compile.Root) Roots {
	var roots Roots
	add := func(name, p string) {
		p = path.Clean(p)
		if !strings.HasPrefix(p, "/") || strings.Count(p, "/") < 2 {
			return
		}
		for _, r := range roots {
			if r.Path == p {
				return
			}
		}
		roots = append(roots, Root{name, p})
	}
	if ws, _ := inv.Getenv("GITHUB_WORKSPACE"); ws != "" && within(inv.Dir, path.Clean(ws)) {
		add("checkout", ws)
	} else if co := checkout(inv.Dir, exists); co != "" {
		add("checkout", co)
	}
	if home, ok := inv.Getenv("HOME"); ok {
		add("home", home)
	}
	for _, r := range further {
		add(r.Name, r.Path)
	}
	inside := false
	for _, r := range roots {
		inside = inside || within(inv.Dir, r.Path)
	}
	if !inside {
		add("directory", inv.Dir)
	}
	sort.SliceStable(roots, func(i, j int) bool { return len(roots[i].Path) > len(roots[j].Path) })
	return roots
}

// checkout returns the nearest directory from dir upwards that holds .git, "" for none.
func checkout(dir string, exists func(dir, name string) bool) string {
	for d := dir; strings.Count(d, "/") >= 2; d = path.Dir(d) {
		if exists(d, ".git") {
			return d
		}
	}
	return ""
}

func within(p, root string) bool {
	return strings.HasPrefix(p, root) && (len(p) == len(root) || p[len(root)] == '/')
}

// SpellPath spells an absolute path with the placeholder of the root it lies in.
func (rs Roots) SpellPath(p string) string {
	for _, r := range rs {
		if within(p, r.Path) {
			return "<" + r.Name + ">" + p[len(r.Path):]
		}
	}
	return p
}

// Of returns the name of the root that a path lies in, "" for none.
func (rs Roots) Of(p string) string {
	for _, r := range rs {
		if within(p, r.Path) {
			return r.Name
		}
	}
	return ""
}

// ExpandPath is the inverse of SpellPath; ok is false where the root is not one of this invocation's.
func (rs Roots) ExpandPath(p string) (expanded string, ok bool) {
	if !strings.HasPrefix(p, "<") {
		return p, true
	}
	name, rest, _ := strings.Cut(p[1:], ">")
	for _, r := range rs {
		if r.Name == name {
			return r.Path + rest, true
		}
	}
	return "", false
}

// pathOptions are the options after which, joined, a path begins, and in which a root's value decides nothing but which file
// is meant: the input set tells that, or the outputs' text.
var pathOptions = []string{
	"-I", "-L", "-F", "-iquote", "-isystem", "-idirafter", "-iframework", "-include", "-imacros", "-o", "-MF", "-MT", "-MQ",
	"-fdebug-prefix-map=", "-ffile-prefix-map=", "-fmacro-prefix-map=", "-fprofile-prefix-map=", "-fcoverage-prefix-map=",
	"-fdebug-compilation-dir=", "-ffile-compilation-dir=", "--sysroot=", "-isysroot", "-Wp,-MD,", "-Wp,-MMD,",
	"--include=", "--include", "--imacros=", "--imacros", "-Wa,-I", "-Wa,-I,", "@", "--remap-path-prefix=",
}

// SpellArg spells an argument. A root is replaced only where a path begins: at the start, or right behind a path option.
// Anywhere else its text stays, and bound names the roots that this argument holds there: what a compiler makes of such a
// value (-D) no scan of its outputs shows. after is the argument before this one.
func (rs Roots) SpellArg(after, arg string) (spelled string, bound []string) {
	at := 0
	if !strings.HasPrefix(arg, "/") {
		for _, o := range pathOptions {
			if len(o) > at && strings.HasPrefix(arg, o) && strings.HasPrefix(arg[len(o):], "/") {
				at = len(o)
			}
		}
	}
	mapped := strings.Contains(arg[:at], "-prefix-map=") || strings.HasPrefix(arg, "--remap-path-prefix=")
	free := at > 0 || strings.HasPrefix(arg, "/") && freeAfter(after)
	var b strings.Builder
	b.WriteString(escapeSpelling(arg[:at]))
	rest := arg[at:]
	if free {
		for _, r := range rs {
			if strings.HasPrefix(rest, r.Path) && endsComponent(rest[len(r.Path):], mapped) {
				b.WriteString("<" + r.Name + ">")
				rest = rest[len(r.Path):]
				break
			}
		}
	}
	b.WriteString(escapeSpelling(rest))
	for _, r := range rs {
		if strings.Contains(rest, r.Path) {
			bound = append(bound, r.Name)
		}
	}
	return b.String(), bound
}

// freeAfter reports whether an absolute path as an argument of its own, after this one, is just a path: a source, or
// the value of a path option.
func freeAfter(after string) bool {
	if !strings.HasPrefix(after, "-") {
		return true
	}
	for _, o := range pathOptions {
		if after == o {
			return true
		}
	}
	switch after {
	case "-D", "-U", "-A", "-Xclang", "-mllvm", "-Xpreprocessor", "-Xassembler", "--param", "-frandom-seed":
		return false
	}
	// A flag without a value stands before a source.
	return true
}

func endsComponent(rest string, mapped bool) bool {
	return rest == "" || rest[0] == '/' || mapped && rest[0] == '='
}

// escapeSpelling keeps "<" of the user's text apart from our placeholders.
func escapeSpelling(s string) string { return strings.ReplaceAll(s, "<", "<<>") }

// Names returns the names of all roots, sorted.
func (rs Roots) Names() []string {
	names := make([]string, len(rs))
	for i, r := range rs {
		names[i] = r.Name
	}
	sort.Strings(names)
	return names
}

// Awkward returns the roots whose path holds bytes that compilers escape or that end a path in text: of these a template
// cannot be made, so outputs always depend on them.
func (rs Roots) Awkward() []string {
	var names []string
	for _, r := range rs {
		for i := range len(r.Path) {
			if c := r.Path[i]; !pathByte(c) || c == '\\' || c == '$' || c >= 0x80 {
				names = append(names, r.Name)
				break
			}
		}
	}
	return names
}
