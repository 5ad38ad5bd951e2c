package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// unit is one generated source and how it is compiled.
type unit struct {
	dir      string
	compiler string
	flags    []string
	source   string // relative to dir
	headers  int    // as the compiler counts them
}

// args compiles the unit to an object below out, with a dependency file as build tools ask for it.
func (u *unit) args(out string) []string {
	object := filepath.Join(out, strings.TrimSuffix(filepath.Base(u.source), filepath.Ext(u.source))+".o")
	args := append([]string{}, u.flags...)
	return append(args, "-Iinclude", "-MD", "-MF", strings.TrimSuffix(object, ".o")+".d", "-c", u.source, "-o", object)
}

var (
	smallIncludes = []string{"stdio.h"}
	// largeIncludes are most of the C++ library.
	largeIncludes = []string{
		"algorithm", "array", "bitset", "chrono", "complex", "condition_variable", "deque", "filesystem", "fstream", "functional",
		"future", "iomanip", "iostream", "iterator", "limits", "list", "locale", "map", "memory", "memory_resource", "mutex", "numeric",
		"optional", "queue", "random", "ratio", "regex", "set", "shared_mutex", "sstream", "stack", "string", "string_view", "thread",
		"tuple", "type_traits", "typeindex", "unordered_map", "unordered_set", "utility", "valarray", "variant", "vector",
	}
)

const smallBody = `
int total(const int *v, int n) {
	int sum = 0;
	for (int i = 0; i < n; i++)
		sum += project_0(v[i]);
	printf("%d\n", sum);
	return sum;
}
`

const largeBody = `
std::map<std::string, int> count(const std::vector<std::string> &words) {
	std::map<std::string, int> found;
	for (const auto &w : words)
		found[w] += project_0(static_cast<int>(w.size()));
	return found;
}

int longest(std::vector<std::string> words) {
	std::sort(words.begin(), words.end(), [](const auto &a, const auto &b) { return a.size() > b.size(); });
	std::cout << (words.empty() ? std::string() : words.front()) << std::endl;
	return words.empty() ? 0 : static_cast<int>(words.front().size());
}
`

// newUnit writes a source that includes the given headers of the system, and of a project as many as make up want.
func (s *suite) newUnit(ctx context.Context, name, compiler string, includes []string, want int, body string) (*unit, error) {
	dir, err := s.directory(name, "src")
	if err != nil {
		return nil, err
	}
	// A checkout, as builds mostly run in one.
	for _, d := range []string{".git", "include/project"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	u := &unit{dir: dir, compiler: compiler, flags: s.Flags, source: "unit.c"}
	if compiler == s.cxx {
		u.source = "unit.cc"
	}
	var text strings.Builder
	for _, h := range includes {
		fmt.Fprintf(&text, "#include <%s>\n", h)
	}
	path := filepath.Join(dir, u.source)
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	base, err := s.countHeaders(ctx, u)
	if err != nil {
		return nil, err
	}
	for i := range max(1, want-base) {
		header := fmt.Sprintf("project/part_%03d.h", i)
		content := fmt.Sprintf("#ifndef PROJECT_%d\n#define PROJECT_%d\n\nstruct part_%d {\n\tint id;\n\tconst char *name;\n};\n\n"+
			"static inline int project_%d(int n) { return n * %d + 1; }\n\n#endif\n", i, i, i, i, i+3)
		if err := os.WriteFile(filepath.Join(dir, "include", header), []byte(content), 0o644); err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "#include \"%s\"\n", header)
	}
	text.WriteString(body)
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	u.headers, err = s.countHeaders(ctx, u)
	return u, err
}

// countHeaders asks the compiler which files it reads.
func (s *suite) countHeaders(ctx context.Context, u *unit) (int, error) {
	argv := append([]string{u.compiler}, u.flags...)
	out, err := s.output(ctx, job{argv: append(argv, "-Iinclude", "-M", u.source), env: s.env, dir: u.dir})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, word := range strings.Fields(string(out)) {
		if word != "\\" && !strings.HasSuffix(word, ":") {
			n++
		}
	}
	return n - 1, nil
}

// sums returns the SHA-256 of files by their names in dir.
func sums(dir string, names []string) (map[string][sha256.Size]byte, error) {
	found := map[string][sha256.Size]byte{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		found[name] = sha256.Sum256(b)
	}
	return found, nil
}
