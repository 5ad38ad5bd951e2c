package key

import (
	"bytes"
	"os"
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

// Text outputs (dependency files, messages) are stored as templates: every path below a root as marker, root's name,
// marker; a marker in the text itself doubled.
const marker = 0x00

// Template encodes text for storage.
func (rs Roots) Template(text []byte) []byte {
	if len(rs) == 0 && bytes.IndexByte(text, marker) < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	start := true // whether a path may begin here
	for i := 0; i < len(text); {
		c := text[i]
		if c == '/' && start {
			if r := rs.at(text[i:]); r != nil {
				out = append(out, marker)
				out = append(out, r.Name...)
				out = append(out, marker)
				i += len(r.Path)
				start = false
				continue
			}
		}
		if n := escapeLen(text[i:]); n > 0 {
			out = append(out, text[i:i+n]...)
			i += n
			start = true
			continue
		}
		if c == marker {
			out = append(out, marker)
		}
		out = append(out, c)
		start = !pathByte(c)
		i++
	}
	return out
}

// escapeLen returns the length of the terminal's control sequence (colours) that text starts with, as it is or as JSON spells it, 0 for
// none. Its last byte is a letter, and a path may follow at once.
func escapeLen(text []byte) int {
	const plain, inJSON = "\x1b[", `\u001b[`
	begin := 0
	switch {
	case len(text) == 0 || text[0] != plain[0] && text[0] != inJSON[0]:
		return 0
	case bytes.HasPrefix(text, []byte(plain)):
		begin = len(plain)
	case bytes.HasPrefix(text, []byte(inJSON)):
		begin = len(inJSON)
	default:
		return 0
	}
	for i := begin; i < len(text); i++ {
		switch c := text[i]; {
		case '@' <= c && c <= '~':
			return i + 1
		case c < ' ' || c >= 0x7f:
			return 0
		}
	}
	return 0
}

// Left returns the names of the roots whose text is still in a template, sorted: there it did not look like a path, so what was
// templated depends on them.
func (rs Roots) Left(template []byte) []string {
	s := rs.NewScanner()
	_, _ = s.Write(template)
	return s.Found()
}

// at returns the innermost root whose path stands at the start of text as whole components.
func (rs Roots) at(text []byte) *Root {
	for i := range rs {
		p := rs[i].Path
		if len(text) < len(p) || string(text[:len(p)]) != p {
			continue
		}
		if rest := text[len(p):]; len(rest) == 0 || rest[0] == '/' || !pathByte(rest[0]) {
			return &rs[i]
		}
	}
	return nil
}

// pathByte reports whether a byte commonly continues a file name.
func pathByte(c byte) bool {
	return c == '/' || c == '.' || c == '-' || c == '_' || c == '+' || c == '~' || c == '@' || c == '%' || c == '\\' || c == '$' || c >= 0x80 ||
		'0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Expand decodes a template with the roots of the invocation that is answered.
func (rs Roots) Expand(template []byte) ([]byte, error) {
	i := bytes.IndexByte(template, marker)
	if i < 0 {
		return template, nil
	}
	out := make([]byte, 0, len(template)+256)
	for {
		out = append(out, template[:i]...)
		template = template[i+1:]
		j := bytes.IndexByte(template, marker)
		switch {
		case j < 0:
			return nil, os.ErrInvalid
		case j == 0:
			out = append(out, marker)
		default:
			p, ok := rs.path(string(template[:j]))
			if !ok {
				return nil, os.ErrInvalid
			}
			out = append(out, p...)
		}
		template = template[j+1:]
		if i = bytes.IndexByte(template, marker); i < 0 {
			return append(out, template...), nil
		}
	}
}

func (rs Roots) path(name string) (string, bool) {
	for _, r := range rs {
		if r.Name == name {
			return r.Path, true
		}
	}
	return "", false
}

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

// Scanner finds which roots' paths occur in a stream of bytes. A root's text inside the text of a longer one does not
// count: the longer one's value tells it.
type Scanner struct {
	roots Roots
	found []bool
	tail  []byte
	ended bool
}

// NewScanner returns a scanner that has seen nothing.
func (rs Roots) NewScanner() *Scanner {
	return &Scanner{roots: rs, found: make([]bool, len(rs))}
}

// Write scans p, as if joined to what was written before. It never fails.
func (s *Scanner) Write(p []byte) (int, error) {
	if len(s.roots) == 0 {
		return len(p), nil
	}
	// An occurrence may lie across two writes: keep as much as the longest root, and look at the seam first.
	keep := len(s.roots[0].Path)
	seam := append(s.tail, p[:min(len(p), keep)]...)
	s.scan(seam)
	s.scan(p)
	if len(p) >= keep {
		s.tail = append(s.tail[:0], p[len(p)-keep:]...)
	} else {
		s.tail = append([]byte(nil), seam[max(0, len(seam)-keep):]...)
	}
	return len(p), nil
}

func (s *Scanner) scan(p []byte) {
	for i, r := range s.roots {
		if s.found[i] {
			continue
		}
		for at := 0; ; {
			j := bytes.Index(p[at:], []byte(r.Path))
			if j < 0 {
				break
			}
			at += j
			if s.longer(i, p[at:]) {
				at += len(r.Path)
				continue
			}
			s.found[i] = true
			break
		}
	}
}

// longer reports whether a root longer than root i stands at the start of p, or may: at the end of p the next write
// tells.
func (s *Scanner) longer(i int, p []byte) bool {
	for _, r := range s.roots[:i] {
		n := min(len(p), len(r.Path))
		if (n == len(r.Path) || !s.ended) && string(p[:n]) == r.Path[:n] {
			return true
		}
	}
	return false
}

// Found returns the names of the roots found, sorted.
func (s *Scanner) Found() []string {
	// What may have begun a longer root at the very end did not.
	s.ended = true
	s.scan(s.tail)
	var names []string
	for i, r := range s.roots {
		if s.found[i] {
			names = append(names, r.Name)
		}
	}
	sort.Strings(names)
	return names
}
