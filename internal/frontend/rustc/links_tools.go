package rustc

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// linkTools is the Detail of a toolchain that links.
type linkTools struct {
	program string   // as rustc spells what it calls, of a linker that it calls itself
	own     []string // directories of the compiler's own libraries, which are part of the toolchain
	libDirs []string // where the driver has libraries and start files searched for, in order
}

func refuseLink(format string, args ...any) error {
	return compile.Refuse(compile.ReasonLink, fmt.Sprintf(format, args...))
}

// linker makes what a link runs part of the toolchain: the driver (cc, clang), the programs that it starts, what rustc has of its own, and
// the shared libraries of all these. Libraries and start files come with the inputs.
//
// Whether rustc has its own lld or the driver's linker work depends on its version, target and options: both are part.
func (p *probe) linker(link *linkage) error {
	if !strings.Contains(p.host, "-linux-") {
		return refuseLink("on %s", p.host)
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
	list, _ := p.c.Getenv("PATH")
	for dir := range strings.SplitSeq(list, ":") {
		bins = append(bins, absolute(p.c.Dir, dir))
	}
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
	p.own = !bound(p.c, link)
	programs, libraries := readSearchDirs(said, p.c.Dir)
	p.own = p.own && !saysRelative(said)
	if value, ok := p.c.Getenv("LIBRARY_PATH"); ok {
		for dir := range strings.SplitSeq(value, ":") {
			p.tools.libDirs = append(p.tools.libDirs, absolute(p.c.Dir, dir))
		}
	}
	p.tools.libDirs = append(p.tools.libDirs, libraries...)
	for _, dir := range libraries {
		if p.files.Exists(dir, "specs") {
			if err := p.file("specs", filepath.Join(dir, "specs")); err != nil {
				return err
			}
		} else {
			p.absent(dir, "specs")
		}
	}
	choices := [][]string{link.choice}
	if p.files.Exists(gccLD, "ld.lld") {
		choices = append(choices, append([]string{"-B" + gccLD, "-fuse-ld=lld"}, link.choice...))
		if link.lld {
			choices = append(choices, append([]string{"-fuse-ld=lld"}, link.choice...))
		}
	}
	for i, choice := range choices {
		started, err := p.chosen(driver, choice)
		p.own = p.own && (err != nil || p.isDriver(driver, started))
		if err != nil && (i == 2 || i == 0 && len(choices) > 1 && choosesLLD(choice) && !started.starts("ld.lld")) {
			p.lacks("ld.lld", append(programs, bins...)) // it is rustc's own, or none
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
	path := absolute(p.c.Dir, name)
	if !strings.Contains(name, "/") {
		if path = p.inPath(name, bins); path == "" {
			return "", refuseLink("no %s in PATH", name)
		}
	}
	text, _, err := p.files.Read(path, maxDriver)
	if err != nil {
		return "", refuseLink("%v", err)
	}
	for _, mark := range []string{"CCACHE_DIR", "DISTCC_HOSTS", "ICECC_VERSION", "COMPILE_CACHE_DIR"} {
		if bytes.Contains(text, []byte(mark)) {
			return "", refuseLink("%s is not a compiler but runs one (%s)", path, mark)
		}
	}
	p.gcc = bytes.Contains(text, []byte("COLLECT_GCC_OPTIONS"))
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", refuseLink("%v", err)
	}
	p.known.leads = append(p.known.leads, lead{path, real})
	return path, p.program("linker driver", path)
}

// maxDriver bounds a driver that is searched for another cache's marks.
const maxDriver = 256 << 20

// inPath finds a program as exec does, and rests on its absence from the directories before. Our own shims stand for the next one.
func (p *probe) inPath(name string, dirs []string) string {
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		fi, err := p.files.Stat(path)
		if err != nil || !isRegular(fi) || fi.Mode&0o111 == 0 {
			p.absent(dir, name)
			continue
		}
		if real, err := filepath.EvalSymlinks(path); err == nil && filepath.Base(real) == "ccwrap" {
			p.watch(path)
			continue
		}
		return path
	}
	return ""
}

// watch makes the answer rest on a file's content, without making it part of the toolchain.
func (p *probe) watch(path string) {
	if d, err := p.files.ToolDigest(path); err == nil {
		p.known.files = append(p.known.files, watched{path, d})
	}
}

// program makes a program and the libraries that it loads part of the toolchain.
func (p *probe) program(role, path string) error {
	for _, f := range p.tc.Files {
		if f.Path == path {
			return nil
		}
	}
	if err := p.file(role, path); err != nil {
		return err
	}
	return asLink(p.libraries(path))
}

// asLink makes a refusal one of the linker.
func asLink(err error) error {
	var d *compile.Decline
	if errors.As(err, &d) {
		return refuseLink("%s", d.Detail)
	}
	return err
}

// askDriver asks a driver something and returns its standard output.
func (p *probe) askDriver(argv []string) (string, error) {
	said, err := p.ask.Probe(p.ctx, argv, []string{"LC_ALL=C"})
	if err != nil {
		return "", fmt.Errorf("probe %s: %w", argv[0], err)
	}
	if said.Status != 0 {
		return "", refuseLink("%s exits %d when probed", strings.Join(argv, " "), said.Status)
	}
	return string(said.Stdout), nil
}

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
	said, err := p.ask.Probe(p.ctx, argv, []string{"LC_ALL=C"})
	if err != nil {
		return started{}, fmt.Errorf("probe %s: %w", driver, err)
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
				*field.values = append(*field.values, absolute(p.c.Dir, value))
			}
		}
		switch {
		case strings.HasPrefix(line, "Reading specs from "), strings.HasPrefix(line, "Configuration file: "):
			return s, refuseLink("%s: %s", driver, line)
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
				return s, refuseLink("%s starts %s", driver, line)
			}
			s.relative = s.relative || !filepath.IsAbs(program) || plugin != "" && !filepath.IsAbs(plugin)
			s.programs = append(s.programs, absolute(p.c.Dir, program))
			s.machine, s.sysroot = machineOf(line)
			if plugin != "" {
				s.plugin = absolute(p.c.Dir, plugin)
			}
		}
	}
	if said.Status != 0 {
		for _, path := range s.programs {
			p.watch(path)
		}
		return s, refuseLink("%s cannot list the files that a link reads", strings.Join(argv[:1+len(choice)], " "))
	}
	if len(s.programs) == 0 {
		return s, refuseLink("%s does not say which linker it starts", driver)
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
		names := []string{filepath.Base(path)}
		if names[0] != "collect2" {
			names = append(names, "real-ld", "collect-ld") // as collect2 calls a linker first
		}
		p.lacks(names[0], p.before(path, dirs))
		for _, name := range names[1:] {
			p.lacks(name, dirs)
		}
	}
	if d := s.otherDriver; strings.Contains(d, "/") {
		if err := p.program("driver behind", absolute(p.c.Dir, d)); err != nil {
			return err
		}
	}
	if s.plugin != "" {
		if err := p.program("linker plugin", s.plugin); err != nil {
			return err
		}
	}
	if s.ltoWrapper != "" {
		path := absolute(p.c.Dir, s.ltoWrapper)
		if err := p.program("lto-wrapper", path); err != nil {
			return err
		}
		if dir := filepath.Dir(path); p.files.Exists(dir, "lto1") {
			if err := p.program("lto1", filepath.Join(dir, "lto1")); err != nil {
				return err
			}
		}
	}
	for _, dir := range s.dirs {
		if err := p.names(dir, ".cfg"); err != nil {
			return err
		}
	}
	for _, path := range s.installations { // PREFIX/lib/gcc/TARGET/VERSION
		for range 3 {
			path = path[:max(strings.LastIndexByte(path, '/'), 0)]
			if err := p.names(path, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// before returns the directories that are looked through before the one a program lies in.
func (p *probe) before(path string, dirs []string) []string {
	for i, dir := range dirs {
		if p.same(filepath.Join(dir, filepath.Base(path)), path) {
			return dirs[:i]
		}
	}
	return dirs
}

// lacks rests on the absence of a name from directories.
func (p *probe) lacks(name string, dirs []string) {
	for _, dir := range dirs {
		p.absent(dir, name)
	}
}

// names rests on which names with an ending a directory has.
func (p *probe) names(dir, suffix string) error {
	l := listing{dir: dir, suffix: suffix}
	var err error
	if l.names, err = l.read(p.files); err != nil {
		return p.refuse("%v", err)
	}
	p.known.listings = append(p.known.listings, l)
	return nil
}

// readSearchDirs reads what a driver's -print-search-dirs prints.
func readSearchDirs(text, cwd string) (programs, libraries []string) {
	for line := range strings.SplitSeq(text, "\n") {
		into := &programs
		list, ok := strings.CutPrefix(line, "programs: =")
		if !ok {
			into = &libraries
			list, ok = strings.CutPrefix(line, "libraries: =")
		}
		for dir := range strings.SplitSeq(list, ":") {
			if ok && dir != "" {
				*into = append(*into, absolute(cwd, dir))
			}
		}
	}
	return programs, libraries
}
