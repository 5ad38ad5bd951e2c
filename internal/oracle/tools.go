//go:build unix

package oracle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where a model toolchain keeps its parts, below the directory above its bin.
const (
	machine    = "x86_64-linux-gnu"
	LibDir     = "lib/gcc/" + machine + "/12"
	ProgramDir = "libexec/gcc/" + machine + "/12"
)

// A driver named NAME is a wrapper where NAME.real stands beside it: the wrapper starts that one.
const realSuffix = ".real"

// Image returns a program file whose content holds text: a static ELF file without a segment, so that whoever looks for its
// libraries finds none.
func Image(text string) []byte {
	b := make([]byte, 64, 64+len(text))
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], 2)  // an executable
	le.PutUint16(b[18:], 62) // x86-64
	le.PutUint32(b[20:], 1)
	le.PutUint16(b[52:], 64) // size of this header
	le.PutUint16(b[54:], 56) // size of a program header, of which there are none
	le.PutUint16(b[58:], 64) // size of a section header, of which there are none
	return append(b, text...)
}

// WriteToolchain writes a toolchain below dir: bin/gcc, bin/g++, cc1, cc1plus and some headers. version is part of every
// program's content. The driver is found by the path it was started as, so dir may be moved.
func WriteToolchain(dir, version string) error {
	for name, data := range map[string][]byte{
		"bin/gcc":                Image("driver " + version),
		"bin/g++":                Image("driver++ " + version),
		ProgramDir + "/cc1":      Image("cc1 " + version),
		ProgramDir + "/cc1plus":  Image("cc1plus " + version),
		LibDir + "/include/b.h":  []byte("int builtin_b;\n"),
		"include/stdc-predef.h":  []byte("#define __STDC_IEC_559__ 1\n"),
		"include/sys/types.h":    []byte("typedef int sys_type;\n"),
		"include/systemheader.h": []byte("#include <sys/types.h>\nint system_header;\n"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// tools are the programs and specs of one call.
type tools struct {
	cc1  string
	list []tool // in order
}

type tool struct {
	role, path string
	content    []byte
}

// prefix returns the directory above the driver's bin. gcc follows the links of its own path.
func (c *Call) prefix() string {
	real, err := filepath.EvalSymlinks(c.Program)
	if err != nil {
		real = c.Program
	}
	return filepath.Dir(filepath.Dir(real))
}

func (c *Call) tools(o *options) (*tools, error) {
	t := &tools{}
	add := func(role, path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("cannot execute '%s': %w", filepath.Base(path), err)
		}
		t.list = append(t.list, tool{role, path, b})
		return nil
	}
	if err := add("driver", c.Program); err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.Program + realSuffix); err == nil {
		if err := add("real driver", c.Program+realSuffix); err != nil {
			return nil, err
		}
	}
	if specs := c.firstIn(c.libDirs(), "specs", false); specs != "" {
		if err := add("specs", specs); err != nil {
			return nil, err
		}
	}
	name := "cc1"
	if c.languageOf(o) == "c++" {
		name = "cc1plus"
	}
	t.cc1 = c.firstIn(c.programDirs(), name, true)
	if t.cc1 == "" {
		return nil, errors.New("cannot execute '" + name + "': No such file or directory")
	}
	if err := add(name, t.cc1); err != nil {
		return nil, err
	}
	names := []string{"as"}
	if o.split {
		names = append(names, "objcopy")
	}
	if !o.compile {
		names = nil
	}
	for _, name := range names {
		path := c.firstIn(c.programDirs(), name, true)
		if path == "" {
			path = c.firstIn(c.list("PATH"), name, true)
		}
		if path == "" {
			return nil, errors.New("cannot execute '" + name + "': execvp: No such file or directory")
		}
		if err := add(name, path); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// firstIn returns the first file of a name, "" for none.
func (c *Call) firstIn(dirs []string, name string, executable bool) string {
	for _, dir := range dirs {
		p := filepath.Join(c.abs(dir), name)
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && (!executable || fi.Mode()&0o111 != 0) {
			return p
		}
	}
	return ""
}

// list returns the elements of a variable that holds directories; an empty element is the working directory.
func (c *Call) list(name string) []string {
	v, ok := c.getenv(name)
	if !ok || v == "" {
		return nil
	}
	dirs := strings.Split(v, ":")
	for i := range dirs {
		if dirs[i] == "" {
			dirs[i] = "."
		}
	}
	return dirs
}

func (c *Call) programDirs() []string {
	p := c.prefix()
	return append(c.list("COMPILER_PATH"), p+"/"+ProgramDir, filepath.Dir(p+"/"+ProgramDir), p+"/"+machine+"/bin")
}

func (c *Call) libDirs() []string {
	p := c.prefix()
	return append([]string{p + "/" + LibDir, p + "/" + machine + "/lib"}, append(c.list("LIBRARY_PATH"), p+"/lib")...)
}

// standardDirs are the built-in directories of <name>.
func (c *Call) standardDirs() []string {
	p := c.prefix()
	return []string{p + "/" + LibDir + "/include", p + "/local/include", p + "/" + LibDir + "/include-fixed", p + "/include"}
}

func (c *Call) printProg(name string) string {
	if p := c.firstIn(c.programDirs(), name, true); p != "" {
		return p
	}
	return name
}

func (c *Call) printSearchDirs() string {
	return "install: " + c.prefix() + "/" + LibDir + "/\nprograms: =" + strings.Join(c.programDirs(), "/:") + "/\nlibraries: =" +
		strings.Join(c.libDirs(), "/:") + "/\n"
}

// assembly is a language whose text is the assembler's once it is preprocessed.
const assembly = "assembler-with-cpp"

func (c *Call) languageOf(o *options) string {
	if o.language == "c" || o.language == "c++" || o.language == assembly {
		return o.language
	}
	for _, in := range o.inputs {
		switch filepath.Ext(in) {
		case ".cc", ".cpp", ".cxx", ".C":
			return "c++"
		case ".S":
			return assembly
		}
	}
	if strings.HasSuffix(c.Program, "++") {
		return "c++"
	}
	return "c"
}

// verbose is what -v -E says.
func (c *Call) verbose(o *options, t *tools) string {
	var b strings.Builder
	specs := "Using built-in specs.\n"
	collect := c.Program
	for _, tool := range t.list {
		switch tool.role {
		case "specs":
			specs = "Reading specs from " + tool.path + "\n"
		case "real driver":
			collect = tool.path
		}
	}
	b.WriteString(specs + "COLLECT_GCC=" + collect + "\nTarget: " + machine + "\nThread model: posix\ngcc version 12.2.0 (model)\n")
	fmt.Fprintf(&b, "COLLECT_GCC_OPTIONS='-v' '-E'\n %s -E -quiet -v /dev/null -mtune=generic -march=x86-64 -dumpbase null\n", t.cc1)
	p := newPreprocessor(c, o)
	for _, d := range p.missing {
		fmt.Fprintf(&b, "ignoring nonexistent directory %q\n", d)
	}
	b.WriteString("#include \"...\" search starts here:\n")
	for _, d := range p.chain[:p.bracket] {
		b.WriteString(" " + d.path + "\n")
	}
	b.WriteString("#include <...> search starts here:\n")
	for _, d := range p.chain[p.bracket:] {
		b.WriteString(" " + d.path + "\n")
	}
	b.WriteString("End of search list.\n")
	return b.String()
}
