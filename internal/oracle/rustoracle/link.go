//go:build unix

package rustoracle

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/oracle"
)

// link makes a program or a library of macros. It reads the code of all crates that were loaded, libraries by name, and the system's
// start files, and lists them in the file that -Wl,--dependency-file names.
func (s *session) link(object []byte, statics []string, m *metadata, output string) (linked []byte, list []File, err error) {
	programs, err := s.linker()
	if err != nil {
		return nil, nil, err
	}
	var content bytes.Buffer
	for _, p := range programs {
		text, err := os.ReadFile(p)
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(&content, "linked by %s\n", sum(text))
	}
	content.Write(object)
	listed := []string{"/tmp/rustcAbCdEf/symbols.o", filepath.Join(filepath.Dir(output), s.o.crate+s.o.extra+".0.rcgu.o")}
	take := func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&content, "%s\n", sum(text))
		listed = append(listed, path)
		return nil
	}
	libs := slices.Clone(s.o.libs)
	for _, l := range s.crates {
		if l.Macro {
			continue
		}
		libs = append(libs, l.Libs...)
		if l.code == "" {
			return nil, nil, &failure{"", "crate `" + l.Name + "` required to be available in rlib format, but was not found in this form", ""}
		}
		if err := take(l.code); err != nil {
			return nil, nil, err
		}
		if s.o.lto { // rustc reads it, and gives the linker a copy of what is left
			listed[len(listed)-1] = "/tmp/rustcAbCdEf/" + filepath.Base(l.code)
		}
	}
	for _, p := range statics {
		if err := take(p); err != nil {
			return nil, nil, err
		}
	}
	for _, l := range append(libs, native{false, "c"}) {
		if l.Static {
			continue
		}
		p := s.findLibrary(l.Name)
		if p == "" {
			return nil, nil, &failure{"", "linking with `cc` failed: exit status: 1 \"-l" + l.Name + "\"" + s.quoted(), ""}
		}
		if err := take(p); err != nil {
			return nil, nil, err
		}
	}
	start := ""
	for _, dir := range s.systemDirs() {
		if p := dir + "/crt1.o"; start == "" && isFile(p) {
			start = p
		}
	}
	if start == "" {
		return nil, nil, &failure{"", "linking with `cc` failed: exit status: 1 crt1.o", ""}
	}
	if err := take(start); err != nil {
		return nil, nil, err
	}
	listed = append(listed, filepath.Join(s.sysroot(), rustlib, "lib/libstd-0123.rlib"))
	for _, arg := range s.o.linkArgs {
		if file, ok := strings.CutPrefix(arg, "-Wl,--dependency-file="); ok {
			list = append(list, File{Path: file, Data: linkList(output, listed), Replaced: true})
		} else {
			content.WriteString(arg + "\n")
		}
	}
	if m.Macro {
		data := fmt.Sprintf("%s %s", sum(content.Bytes()), strings.Join(m.Actions, " "))
		return macroLibrary(imports(m.Actions), []byte(data), m.json(), s.o.strip), list, nil
	}
	return oracle.Image(content.String()), list, nil
}

// quoted are the arguments for the linker as a message quotes them.
func (s *session) quoted() string {
	var b strings.Builder
	for _, arg := range s.o.linkArgs {
		fmt.Fprintf(&b, " %q", arg)
	}
	return b.String()
}

// linkList is GNU's list of what a link read.
func linkList(output string, files []string) []byte {
	var b strings.Builder
	escape := func(p string) string { return strings.NewReplacer(" ", `\ `, "#", `\#`, "$", "$$").Replace(p) }
	b.WriteString(escape(output) + ":")
	for _, f := range files {
		b.WriteString(" \\\n  " + escape(f))
	}
	b.WriteString("\n")
	for _, f := range files {
		b.WriteString("\n" + escape(f) + ":\n")
	}
	return []byte(b.String())
}

// linker finds the driver that rustc calls, and what it starts.
func (s *session) linker() ([]string, error) {
	root := s.sysroot()
	dirs := append([]string{root + "/" + rustlib + "/bin", root + "/" + rustlib + "/bin/self-contained"}, s.list("PATH")...)
	driver := firstIn(dirs, driverName)
	if driver == "" {
		return nil, &failure{"", "linker `cc` not found", ""}
	}
	var args []string
	if lld := root + "/" + gccLD; isFile(lld + "/ld.lld") {
		args = []string{"-B" + lld, "-fuse-ld=lld"}
	}
	cc := &Call{Program: driver, Dir: s.Dir, Env: s.Env}
	started, err := cc.linkers(args)
	if err != nil {
		return nil, &failure{"", "linking with `cc` failed: " + err.Error(), ""}
	}
	return append([]string{driver}, started...), nil
}

// systemDirs are the directories in which the driver searches after those that it is given.
func (s *session) systemDirs() []string {
	root := s.sysroot()
	dirs := append([]string{root + "/" + rustlib + "/bin", root + "/" + rustlib + "/bin/self-contained"}, s.list("PATH")...)
	cc := &Call{Program: firstIn(dirs, driverName)}
	return append(s.list("LIBRARY_PATH"), cc.driverHome()+"/lib")
}

// findLibrary finds a library by name: in each directory the shared one first.
func (s *session) findLibrary(name string) string {
	for _, dir := range slices.Concat(s.o.nativeDirs, s.systemDirs()) {
		for _, ext := range []string{".so", ".a"} {
			if p := dir + "/lib" + name + ext; isFile(p) {
				return p
			}
		}
	}
	return ""
}
