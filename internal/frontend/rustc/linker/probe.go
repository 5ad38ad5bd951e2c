package linker

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
)

// probe is one asking of what a link runs.
type probe struct {
	toolchain.Asking
	by   Compiler
	call Call

	tools    *Tools
	gcc      bool // the driver is a gcc, and nothing that starts one
	anywhere bool // what the driver says does not depend on the working directory
}

// run makes what a link runs part of the toolchain, with the shared libraries of all these programs.
func (p *probe) run() error {
	if !strings.Contains(p.by.Host, "-linux-") {
		return p.Refuse("on %s", p.by.Host)
	}
	rustlib := filepath.Join(p.by.Sysroot, "lib", "rustlib", p.by.Host)
	bins := []string{filepath.Join(rustlib, "bin"), filepath.Join(rustlib, "bin", "self-contained")}
	gccLD := filepath.Join(rustlib, "bin", "gcc-ld")
	for i, dir := range append(bins, gccLD) {
		if err := p.Directory([]string{"program", "self-contained program", "linker"}[i], dir); err != nil {
			return err
		}
	}
	target := p.by.Target
	if target == "" {
		target = p.by.Host
	}
	own := filepath.Join(p.by.Sysroot, "lib", "rustlib", target, "lib")
	p.tools = &Tools{Own: []string{own, filepath.Join(own, "self-contained")}}
	bins = append(bins, p.PathDirs()...)
	if p.call.Direct != "" {
		return p.direct(bins)
	}
	name := p.call.Driver
	if name == "" {
		name = "cc"
	}
	driver, err := p.driver(name, bins)
	if err != nil {
		return err
	}
	said, err := p.askDriver(append(append([]string{driver}, p.call.Choice...), "-print-search-dirs"))
	if err != nil {
		return err
	}
	p.anywhere = !bound(p.C, p.call)
	programs, libraries := toolchain.SearchDirs(said, p.C.Dir)
	p.anywhere = p.anywhere && !saysRelative(string(said))
	if value, ok := p.C.Getenv("LIBRARY_PATH"); ok {
		for dir := range strings.SplitSeq(value, ":") {
			p.tools.LibDirs = append(p.tools.LibDirs, frontend.Absolute(p.C.Dir, dir))
		}
	}
	p.tools.LibDirs = append(p.tools.LibDirs, libraries...)
	for _, dir := range libraries {
		if specs := frontend.Under(dir, "specs"); !p.Missing(specs) {
			if err := p.File("specs", specs); err != nil {
				return err
			}
		}
	}
	choices := [][]string{p.call.Choice}
	if p.Files.Exists(gccLD, "ld.lld") {
		choices = append(choices, append([]string{"-B" + gccLD, "-fuse-ld=lld"}, p.call.Choice...))
		if p.call.LLD {
			choices = append(choices, append([]string{"-fuse-ld=lld"}, p.call.Choice...))
		}
	}
	for i, choice := range choices {
		started, err := p.chosen(driver, choice)
		p.anywhere = p.anywhere && (err != nil || p.isDriver(driver, started))
		if err != nil && (i == 2 || i == 0 && len(choices) > 1 && choosesLLD(choice) && !started.starts("ld.lld")) {
			p.MissingFrom(append(programs, bins...), "ld.lld") // it is rustc's own, or none
			continue
		}
		if err != nil {
			return err
		}
		if err := p.startedPrograms(started, append(append([]string{}, programs...), bins...)); err != nil {
			return err
		}
		if err := p.ownSearch(started); err != nil {
			return err
		}
	}
	return nil
}

// choosesLLD reports whether the arguments have the driver start lld: the last of -fuse-ld wins.
func choosesLLD(choice []string) bool {
	for _, arg := range slices.Backward(choice) {
		if value, ok := strings.CutPrefix(arg, "-fuse-ld="); ok {
			return value == "lld"
		}
	}
	return false
}

// driver finds the program that rustc calls for a link.
func (p *probe) driver(name string, bins []string) (string, error) {
	path := frontend.Absolute(p.C.Dir, name)
	if !strings.Contains(name, "/") {
		if path = p.LookPath(name, bins, p.isShim); path == "" {
			return "", p.Refuse("no %s in PATH", name)
		}
	}
	text, _, err := p.Files.Read(path, maxDriver)
	if err != nil {
		return "", p.Refuse("%v", err)
	}
	if mark := toolchain.OtherCache(text); mark != "" {
		return "", p.Refuse("%s is not a compiler but runs one (%s)", path, mark)
	}
	p.gcc = bytes.Contains(text, []byte("COLLECT_GCC_OPTIONS"))
	if err := p.Leads(path); err != nil {
		return "", err
	}
	return path, p.program("linker driver", path)
}

// maxDriver bounds a driver that is searched for another cache's marks.
const maxDriver = 256 << 20

// isShim reports whether a program in PATH is ours, standing for the next of its name. The answer rests on its content.
func (p *probe) isShim(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && filepath.Base(real) == "ccwrap" && p.Watch(path) == nil
}

// program makes a program and the libraries that it loads part of the toolchain.
func (p *probe) program(role, path string) error {
	if p.Has(path) {
		return nil
	}
	if err := p.File(role, path); err != nil {
		return err
	}
	return p.Loaded(path)
}

// askDriver asks a driver something and returns its standard output.
func (p *probe) askDriver(argv []string) ([]byte, error) {
	said, err := p.Say(argv, "LC_ALL=C")
	return said.Stdout, err
}

// startedPrograms makes what a driver starts part of the toolchain, and rests on the absence of what it would start instead. dirs are those
// in which it looks, in order.
func (p *probe) startedPrograms(s started, dirs []string) error {
	for _, path := range s.programs {
		if err := p.program(filepath.Base(path), path); err != nil {
			return err
		}
		p.MissingBefore(dirs, path)
		if filepath.Base(path) != "collect2" {
			p.MissingFrom(dirs, "real-ld") // as collect2 calls a linker first
			p.MissingFrom(dirs, "collect-ld")
		}
	}
	if d := s.otherDriver; strings.Contains(d, "/") {
		if err := p.program("driver behind", frontend.Absolute(p.C.Dir, d)); err != nil {
			return err
		}
	}
	if s.plugin != "" {
		if err := p.program("linker plugin", s.plugin); err != nil {
			return err
		}
	}
	if s.ltoWrapper != "" {
		path := frontend.Absolute(p.C.Dir, s.ltoWrapper)
		if err := p.program("lto-wrapper", path); err != nil {
			return err
		}
		if dir := filepath.Dir(path); p.Files.Exists(dir, "lto1") {
			if err := p.program("lto1", filepath.Join(dir, "lto1")); err != nil {
				return err
			}
		}
	}
	for _, dir := range s.dirs {
		if _, err := p.List(dir, "", ".cfg"); err != nil {
			return err
		}
	}
	for _, path := range s.installations {
		if err := p.GCCInstallation(path); err != nil {
			return err
		}
	}
	return nil
}
