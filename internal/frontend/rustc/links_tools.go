package rustc

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
)

// linkTools is the Detail of a toolchain that links.
type linkTools struct {
	program string   // as rustc spells what it calls, of a linker that it calls itself
	own     []string // directories of the compiler's own libraries, which are part of the toolchain
	libDirs []string // where the driver has libraries and start files searched for, in order
}

// linker makes what a link runs part of the toolchain: the driver (cc, clang), the programs that it starts, what rustc has of its own, and
// the shared libraries of all these. Libraries and start files come with the inputs.
//
// Whether rustc has its own lld or the driver's linker work depends on its version, target and options: both are part.
func (p *probe) linker(link *linkage) error {
	if !strings.Contains(p.host, "-linux-") {
		return p.Refuse("on %s", p.host)
	}
	rustlib := filepath.Join(p.sysroot, "lib", "rustlib", p.host)
	bins := []string{filepath.Join(rustlib, "bin"), filepath.Join(rustlib, "bin", "self-contained")}
	gccLD := filepath.Join(rustlib, "bin", "gcc-ld")
	for i, dir := range append(bins, gccLD) {
		if err := p.directory([]string{"program", "self-contained program", "linker"}[i], dir); err != nil {
			return err
		}
	}
	target := p.d.target
	if target == "" {
		target = p.host
	}
	own := filepath.Join(p.sysroot, "lib", "rustlib", target, "lib")
	p.tools = &linkTools{own: []string{own, filepath.Join(own, "self-contained")}}
	bins = append(bins, p.PathDirs()...)
	if link.direct != "" {
		return p.direct(link, bins)
	}
	name := link.driver
	if name == "" {
		name = "cc"
	}
	driver, err := p.driver(name, bins)
	if err != nil {
		return err
	}
	said, err := p.askDriver(append(append([]string{driver}, link.choice...), "-print-search-dirs"))
	if err != nil {
		return err
	}
	p.own = !bound(p.C, link)
	programs, libraries := toolchain.SearchDirs([]byte(said), p.C.Dir)
	p.own = p.own && !saysRelative(said)
	if value, ok := p.C.Getenv("LIBRARY_PATH"); ok {
		for dir := range strings.SplitSeq(value, ":") {
			p.tools.libDirs = append(p.tools.libDirs, absolute(p.C.Dir, dir))
		}
	}
	p.tools.libDirs = append(p.tools.libDirs, libraries...)
	for _, dir := range libraries {
		if specs := frontend.Under(dir, "specs"); !p.Missing(specs) {
			if err := p.File("specs", specs); err != nil {
				return err
			}
		}
	}
	choices := [][]string{link.choice}
	if p.Files.Exists(gccLD, "ld.lld") {
		choices = append(choices, append([]string{"-B" + gccLD, "-fuse-ld=lld"}, link.choice...))
		if link.lld {
			choices = append(choices, append([]string{"-fuse-ld=lld"}, link.choice...))
		}
	}
	for i, choice := range choices {
		started, err := p.chosen(driver, choice)
		p.own = p.own && (err != nil || p.isDriver(driver, started))
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
	path := absolute(p.C.Dir, name)
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
	return p.libraries(path)
}

// askDriver asks a driver something and returns its standard output.
func (p *probe) askDriver(argv []string) (string, error) { return p.say(argv, "LC_ALL=C") }

// started is what a driver starts for a link.
type started struct {
	programs      []string // collect2, ld and the like
	plugin        string   // of gcc, for the linker
	ltoWrapper    string
	installations []string // clang: those of gcc that were considered
	dirs          []string // clang: of configuration files
	otherDriver   string
	machine       []string // words for the linker that choose the machine
	sysroot       string   // of the linker
	installed     string   // clang: where it lies, as it says
	relative      bool     // a path among these was relative to the working directory
}

// starts reports whether a program of that name is among those that are started.
func (s started) starts(name string) bool {
	return slices.ContainsFunc(s.programs, func(path string) bool { return filepath.Base(path) == name })
}

// chosen has the linker print its version beside the option that Plan adds: where it does not know that one, links are not cached,
// since they would fail because of us.
func (p *probe) chosen(driver string, choice []string) (started, error) {
	argv := append(append([]string{driver}, choice...), "-v", "-Wl,--dependency-file=/dev/null", "-Wl,--version")
	said, err := p.Put(argv, "LC_ALL=C")
	if err != nil {
		return started{}, err
	}
	var s started
	for line := range strings.SplitSeq(string(said.Stderr), "\n") {
		for _, field := range []struct {
			prefix string
			values *[]string
		}{
			{"Found candidate GCC installation: ", &s.installations},
			{"InstalledDir: ", &s.dirs},
			{"System configuration file directory: ", &s.dirs},
			{"User configuration file directory: ", &s.dirs},
		} {
			if value, ok := strings.CutPrefix(line, field.prefix); ok {
				s.relative = s.relative || !filepath.IsAbs(value)
				*field.values = append(*field.values, absolute(p.C.Dir, value))
			}
		}
		switch {
		case strings.HasPrefix(line, "Reading specs from "), strings.HasPrefix(line, "Configuration file: "):
			return s, p.Refuse("%s: %s", driver, line)
		case strings.HasPrefix(line, "InstalledDir: "):
			_, s.installed, _ = strings.Cut(line, " ")
		case strings.HasPrefix(line, "COLLECT_LTO_WRAPPER="):
			_, s.ltoWrapper, _ = strings.Cut(line, "=")
			s.relative = s.relative || !filepath.IsAbs(s.ltoWrapper)
		case strings.HasPrefix(line, "COLLECT_GCC="):
			_, s.otherDriver, _ = strings.Cut(line, "=")
		case strings.Contains(line, "--dependency-file=/dev/null") && !strings.Contains(line, "COLLECT_GCC_OPTIONS="):
			program, plugin := commandOf(line)
			if program == "" {
				return s, p.Refuse("%s starts %s", driver, line)
			}
			s.relative = s.relative || !filepath.IsAbs(program) || plugin != "" && !filepath.IsAbs(plugin)
			s.programs = append(s.programs, absolute(p.C.Dir, program))
			s.machine, s.sysroot = machineOf(line)
			if plugin != "" {
				s.plugin = absolute(p.C.Dir, plugin)
			}
		}
	}
	if said.Status != 0 {
		for _, path := range s.programs {
			if err := p.Watch(path); err != nil {
				return s, err
			}
		}
		return s, p.Refuse("%s cannot list the files that a link reads", strings.Join(argv[:1+len(choice)], " "))
	}
	if len(s.programs) == 0 {
		return s, p.Refuse("%s does not say which linker it starts", driver)
	}
	return s, nil
}

// commandOf returns the program of a command line that a driver prints, and the plugin that it is given. gcc quotes little, clang all:
// what does not begin with a path is none.
func commandOf(line string) (program, plugin string) {
	line = strings.TrimPrefix(line, " ")
	// collect2 and clang follow what they print on the same line with nothing; a version of gcc runs "collect2 version" into it.
	words := strings.Fields(strings.ReplaceAll(line, `"`, ""))
	if len(words) == 0 || !strings.Contains(words[0], "/") {
		return "", ""
	}
	for i, word := range words[:len(words)-1] {
		if word == "-plugin" {
			plugin = words[i+1]
		}
	}
	return words[0], plugin
}

// startedPrograms makes what a driver starts part of the toolchain, and rests on the absence of what it would start instead. dirs are those
// in which it looks, in order.
func (p *probe) startedPrograms(s started, dirs []string) error {
	for _, path := range s.programs {
		if err := p.program(filepath.Base(path), path); err != nil {
			return err
		}
		var names []string
		if filepath.Base(path) != "collect2" {
			names = []string{"real-ld", "collect-ld"} // as collect2 calls a linker first
		}
		p.MissingBefore(dirs, path)
		for _, name := range names {
			p.MissingFrom(dirs, name)
		}
	}
	if d := s.otherDriver; strings.Contains(d, "/") {
		if err := p.program("driver behind", absolute(p.C.Dir, d)); err != nil {
			return err
		}
	}
	if s.plugin != "" {
		if err := p.program("linker plugin", s.plugin); err != nil {
			return err
		}
	}
	if s.ltoWrapper != "" {
		path := absolute(p.C.Dir, s.ltoWrapper)
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
