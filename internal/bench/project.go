package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The generated project has modules of headers, from which each source includes a sample; one source of four, or each, is C++. A
// Makefile compiles them with dependency files and makes a library of the objects.
const (
	projectModules       = 20
	headersOfModule      = 20
	includesOfC          = 30 // about what the includes below bring along
	includesOfCXX        = 130
	functionsOfASource   = 12
	fewestProjectHeaders = 10
)

// writeProject writes the project that p describes to dir. The same seed gives the same project.
func writeProject(dir string, p Project, flags []string) error {
	for _, d := range []string{".git", "src"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	w := &projectWriter{dir: dir, random: rand.New(rand.NewPCG(p.Seed, p.Seed))}
	for m := range projectModules {
		for h := range headersOfModule {
			w.header(m, h)
		}
	}
	var objects []string
	for i := range p.Files {
		w.source(i, p.Headers, p.AllCXX || i%4 == 3)
		objects = append(objects, fmt.Sprintf("build/unit_%03d.o", i))
	}
	w.write("Makefile", makefile(objects, flags))
	return w.err
}

func makefile(objects, flags []string) string {
	return fmt.Sprintf(`CC = gcc
CXX = g++
FLAGS = %s -Wall -Iinclude
OBJECTS = %s

build/libproject.a: $(OBJECTS)
	rm -f $@
	ar rcs $@ $(OBJECTS)

build/%%.o: src/%%.c | build
	$(CC) $(FLAGS) -MD -MF build/$*.d -c $< -o $@

build/%%.o: src/%%.cc | build
	$(CXX) $(FLAGS) -std=c++17 -MD -MF build/$*.d -c $< -o $@

build:
	mkdir -p build

clean:
	rm -rf build

-include $(OBJECTS:.o=.d)
`, strings.Join(flags, " "), strings.Join(objects, " "))
}

// projectWriter keeps the first error.
type projectWriter struct {
	dir    string
	random *rand.Rand
	err    error
}

func (w *projectWriter) write(name, content string) {
	path := filepath.Join(w.dir, name)
	if w.err == nil {
		w.err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if w.err == nil {
		w.err = os.WriteFile(path, []byte(content), 0o644)
	}
}

func headerName(module, n int) string { return fmt.Sprintf("module_%02d/part_%02d.h", module, n) }

func (w *projectWriter) header(module, n int) {
	id := fmt.Sprintf("m%02d_p%02d", module, n)
	var b strings.Builder
	fmt.Fprintf(&b, "#ifndef %[1]s_H\n#define %[1]s_H\n\n/* Part %[2]d of module %[3]d. */\n\n", strings.ToUpper(id), n, module)
	for i := range 2 + w.random.IntN(6) {
		fmt.Fprintf(&b, "#define %s_LIMIT_%d %d\n", strings.ToUpper(id), i, w.random.IntN(1000))
	}
	fmt.Fprintf(&b, "\nstruct %s {\n", id)
	for i := range 2 + w.random.IntN(8) {
		fmt.Fprintf(&b, "\tint field_%d;\n", i)
	}
	fmt.Fprintf(&b, "};\n\nstatic inline int %[1]s_get(const struct %[1]s *p) { return p->field_0 + %[2]d; }\n", id, w.random.IntN(100))
	for i := range 1 + w.random.IntN(10) {
		fmt.Fprintf(&b, "int %s_call_%d(const char *name, int flags, struct %s *out);\n", id, i, id)
	}
	b.WriteString("\n#endif\n")
	w.write("include/"+headerName(module, n), b.String())
}

func (w *projectWriter) source(n, headers int, cxx bool) {
	var b strings.Builder
	name, brought := fmt.Sprintf("src/unit_%03d.c", n), includesOfC
	if cxx {
		name, brought = name+"c", includesOfCXX
		b.WriteString("#include <map>\n#include <string>\n#include <vector>\n\n")
	} else {
		b.WriteString("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n")
	}
	all := w.random.Perm(projectModules * headersOfModule)
	own := all[:min(len(all), max(fewestProjectHeaders, headers-brought))]
	slices.Sort(own)
	for _, h := range own {
		fmt.Fprintf(&b, "#include \"%s\"\n", headerName(h/headersOfModule, h%headersOfModule))
	}
	for i := range functionsOfASource {
		h := own[w.random.IntN(len(own))]
		id := fmt.Sprintf("m%02d_p%02d", h/headersOfModule, h%headersOfModule)
		if cxx {
			fmt.Fprintf(&b, `
int unit_%[1]d_%[2]d(const std::vector<std::string> &words, struct %[3]s *p) {
	std::map<std::string, int> seen;
	for (const auto &w : words)
		seen[w] += %[3]s_get(p) + %[4]d;
	return static_cast<int>(seen.size());
}
`, n, i, id, w.random.IntN(1000))
			continue
		}
		fmt.Fprintf(&b, `
int unit_%[1]d_%[2]d(const char *text, struct %[3]s *p) {
	int sum = %[4]d;
	for (size_t i = 0; i < strlen(text); i++) {
		sum = sum * 31 + text[i];
		if (sum %% %[5]d == 0)
			printf("%%d\n", %[3]s_get(p));
	}
	return sum;
}
`, n, i, id, w.random.IntN(1000), 2+w.random.IntN(50))
	}
	w.write(name, b.String())
}
