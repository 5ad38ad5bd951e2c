package cc

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// probe is one asking of a compiler.
type probe struct {
	ctx   context.Context
	c     *compile.Compilation
	d     *detail
	files frontend.Files
	ask   frontend.Prober

	tc    compile.Toolchain
	chain chain
	known knownChain
	seen  map[string]bool // paths and names in known
}

// probeChain asks the compiler of c what it is made of. A refusal that follows from what the files are is an answer too;
// an error is one only of this call.
func probeChain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*knownChain, error) {
	p := &probe{ctx: ctx, c: c, d: c.Detail.(*detail), files: files, ask: ask, seen: make(map[string]bool)}
	err := p.run()
	if declined := asDecline(err); declined != nil {
		p.known.refused = declined
		return &p.known, nil
	}
	if err != nil {
		return nil, err
	}
	p.tc.Detail = &p.chain
	for _, absent := range p.known.absent {
		p.tc.Absent = append(p.tc.Absent, under(absent.dir, absent.name))
	}
	p.known.toolchain = &p.tc
	return &p.known, nil
}

func (p *probe) refuse(format string, args ...any) error {
	return compile.Refuse(compile.ReasonCompiler, fmt.Sprintf(format, args...))
}

func (p *probe) run() error {
	if err := p.program("driver", p.c.Program); err != nil {
		return err
	}
	if err := p.noOtherCache(); err != nil {
		return err
	}
	args := append([]string{p.c.Program}, p.d.probeArgs...)
	args = append(args, "-v", "-E", "-x", p.c.Language, "/dev/null")
	said, err := p.say(args)
	if err != nil {
		return err
	}
	v := readVerbose(said.Stderr)
	for _, dir := range v.missingDirs {
		p.missing(absolute(p.c.Dir, dir))
	}
	p.chain.major, p.chain.searchDirs = v.major, v.searchDirs
	p.fact("search directories: " + strings.Join(v.searchDirs, ":"))
	p.fact("target options: " + strings.Join(v.targetOptions, " "))
	switch v.kind {
	case "gcc":
		p.tc.Kind = "gcc"
		return p.gcc(v)
	case "clang":
		p.tc.Kind, p.chain.clang = "clang", true
		return p.clang(v)
	}
	return p.refuse("%s is neither gcc nor clang", p.c.Program)
}

// say runs a program with predictable messages and without the user's own search directories, which are no part of the
// toolchain.
func (p *probe) say(argv []string) (frontend.ProbeResult, error) {
	said, err := p.ask.Probe(p.ctx, argv, []string{
		"LC_ALL=C", "CPATH=", "C_INCLUDE_PATH=", "CPLUS_INCLUDE_PATH=", "OBJC_INCLUDE_PATH=", "OBJCPLUS_INCLUDE_PATH=",
	})
	if err != nil {
		return said, fmt.Errorf("probe %s: %w", argv[0], err)
	}
	if said.Status != 0 {
		return said, p.refuse("%s exits %d when probed", strings.Join(argv, " "), said.Status)
	}
	return said, nil
}

func (p *probe) fact(line string) { p.tc.Facts = append(p.tc.Facts, line) }

// watch makes the answer rest on a file's content; the file may be absent.
func (p *probe) watch(path string) error {
	if p.seen["watch "+path] {
		return nil
	}
	if _, gone := firstMissing(p.files, path); gone {
		p.missing(path)
		return nil
	}
	d, err := p.files.Digest(path)
	if err != nil {
		return p.refuse("%v", err)
	}
	p.seen["watch "+path] = true
	p.known.files = append(p.known.files, watchedFile{path, d})
	return nil
}

// file makes a file part of the toolchain.
func (p *probe) file(role, path string) error {
	if p.seen["file "+path] {
		return nil
	}
	p.seen["file "+path] = true
	p.tc.Files = append(p.tc.Files, compile.ToolFile{Role: role, Path: path})
	return p.watch(path)
}

// missing makes the answer rest on the absence of a path. A path that is there is left alone.
func (p *probe) missing(path string) {
	absent, ok := firstMissing(p.files, path)
	if !ok || p.seen["absent "+under(absent.dir, absent.name)] {
		return
	}
	p.seen["absent "+under(absent.dir, absent.name)] = true
	p.known.absent = append(p.known.absent, absent)
}

// list makes the answer rest on which names of a form a directory has, and returns them.
func (p *probe) list(dir, prefix, suffix string) ([]string, error) {
	l := listing{dir: dir, prefix: prefix, suffix: suffix}
	names, err := l.read(p.files)
	if err != nil {
		return nil, p.refuse("%v", err)
	}
	l.names = names
	p.known.listings = append(p.known.listings, l)
	return names, nil
}

// program makes a program and every shared library that it loads part of the toolchain.
func (p *probe) program(role, path string) error {
	if p.seen["file "+path] {
		return nil
	}
	if err := p.file(role, path); err != nil {
		return err
	}
	elf, err := readElf(path)
	if err != nil {
		return p.refuse("%s: %v", path, err)
	}
	if elf.interpreter == "" {
		return nil // static
	}
	if base := filepath.Base(elf.interpreter); !strings.HasPrefix(base, "ld-linux") && !strings.HasPrefix(base, "ld-musl") && !strings.HasPrefix(base, "ld64.so") {
		return p.refuse("%s is loaded by %s", path, elf.interpreter)
	}
	said, err := p.say([]string{elf.interpreter, "--list", path})
	if err != nil {
		return err
	}
	libraries, err := readLibraryList(said.Stdout)
	if err != nil {
		return p.refuse("%s: %v", path, err)
	}
	for _, global := range []string{"/etc/ld.so.cache", "/etc/ld.so.preload"} {
		if err := p.watch(global); err != nil {
			return err
		}
	}
	earlier := elf.libraryDirs
	if list, ok := p.c.Getenv("LD_LIBRARY_PATH"); ok && list != "" {
		for dir := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ':' || r == ';' }) {
			earlier = append(earlier, absolute(p.c.Dir, dir))
		}
	}
	for _, lib := range libraries {
		if err := p.file("library "+lib.name, lib.path); err != nil {
			return err
		}
		for _, dir := range earlier {
			if under(dir, lib.name) != lib.path {
				p.missing(under(dir, lib.name))
			}
			p.missing(under(dir, "glibc-hwcaps"))
		}
	}
	return nil
}

// maxSmallProgram bounds the programs that are searched for another cache's marks: those are small or use a mark early.
const maxSmallProgram = 64 << 20

// noOtherCache refuses a compiler that is another cache or a distributor under a compiler's name.
func (p *probe) noOtherCache() error {
	fi, err := p.files.Stat(p.c.Program)
	if err != nil || fi.Size > maxSmallProgram {
		return nil
	}
	text, _, err := p.files.Read(p.c.Program, maxSmallProgram)
	if err != nil {
		return p.refuse("%v", err)
	}
	for _, mark := range []string{"CCACHE_DIR", "DISTCC_HOSTS", "ICECC_VERSION", "COMPILE_CACHE_DIR"} {
		if bytes.Contains(text, []byte(mark)) {
			return p.refuse("%s is not a compiler but runs one (%s)", p.c.Program, mark)
		}
	}
	return nil
}

// gcc adds what gcc consists of: cc1 or cc1plus, the assembler, specs.
func (p *probe) gcc(v verbose) error {
	if v.collectGCC != "" {
		other := absolute(p.c.Dir, v.collectGCC)
		if strings.Contains(v.collectGCC, "/") && other != p.c.Program {
			if err := p.program("driver behind "+filepath.Base(p.c.Program), other); err != nil {
				return err
			}
		}
	}
	for _, specs := range v.specs {
		if err := p.file("specs", absolute(p.c.Dir, specs)); err != nil {
			return err
		}
	}
	if v.cc1 == "" {
		return p.refuse("%s does not say which cc1 it runs", p.c.Program)
	}
	if err := p.program(filepath.Base(v.cc1), absolute(p.c.Dir, v.cc1)); err != nil {
		return err
	}
	said, err := p.say(append(append([]string{p.c.Program}, p.d.probeArgs...), "-print-search-dirs"))
	if err != nil {
		return err
	}
	programDirs, libraryDirs := readSearchDirs(said.Stdout, p.c.Dir)
	for _, dir := range libraryDirs {
		if err := p.optionalSpecs(under(dir, "specs")); err != nil {
			return err
		}
	}
	p.notBefore(programDirs, absolute(p.c.Dir, v.cc1))
	tools := []string{"as"}
	if p.d.splitDwarf {
		tools = append(tools, "objcopy")
	}
	for _, tool := range tools {
		if err := p.tool(tool, programDirs); err != nil {
			return err
		}
	}
	return nil
}

// optionalSpecs makes a specs file part of the toolchain, or rests on its absence.
func (p *probe) optionalSpecs(path string) error {
	if _, gone := firstMissing(p.files, path); gone {
		p.missing(path)
		return nil
	}
	return p.file("specs", path)
}

// notBefore rests on the absence of path's base name in the directories before the one it was found in.
func (p *probe) notBefore(dirs []string, path string) {
	for _, dir := range dirs {
		candidate := under(dir, baseOf(path))
		if p.same(candidate, path) {
			return
		}
		p.missing(candidate)
	}
}

func (p *probe) same(a, b string) bool {
	fa, errA := p.files.Stat(a)
	fb, errB := p.files.Stat(b)
	return errA == nil && errB == nil && fa.Dev == fb.Dev && fa.Ino == fb.Ino
}

// tool adds a program that gcc's driver runs by name.
func (p *probe) tool(name string, programDirs []string) error {
	said, err := p.say(append(append([]string{p.c.Program}, p.d.probeArgs...), "-print-prog-name="+name))
	if err != nil {
		return err
	}
	path := strings.TrimRight(string(said.Stdout), "\r\n")
	if strings.Contains(path, "/") {
		path = absolute(p.c.Dir, path)
		p.notBefore(programDirs, path)
		return p.program(name, path)
	}
	for _, dir := range programDirs {
		p.missing(under(dir, name))
	}
	list, _ := p.c.Getenv("PATH")
	for dir := range strings.SplitSeq(list, ":") {
		candidate := absolute(p.c.Dir, dir+"/"+path)
		if dir == "" {
			candidate = absolute(p.c.Dir, path)
		}
		if fi, err := p.files.Stat(candidate); err == nil && isRegular(fi) && fi.Mode&0o111 != 0 {
			return p.program(name, candidate)
		}
		p.missing(candidate)
	}
	return p.refuse("no %s in PATH", name)
}

// integratedTargets are the targets for which clang assembles by itself.
var integratedTargets = []string{"x86_64", "i386", "i486", "i586", "i686", "aarch64", "arm", "thumb", "riscv", "powerpc", "mips", "s390x", "loongarch", "wasm"}

// clang adds what clang consists of: configuration files, the lists of its sanitizers; and rests on the gcc installations
// it chose from.
func (p *probe) clang(v verbose) error {
	for _, arg := range p.c.Args {
		if arg == "-fno-integrated-as" || arg == "-no-integrated-as" {
			return compile.Refuse(compile.ReasonOption, arg)
		}
	}
	integrated := false
	for _, target := range integratedTargets {
		integrated = integrated || strings.HasPrefix(v.triple, target)
	}
	if !integrated || strings.Contains(v.triple, "aix") {
		return p.refuse("clang's target %q may use an external assembler", v.triple)
	}
	if v.cc1 != "" && v.cc1 != p.c.Program {
		if err := p.program("cc1", absolute(p.c.Dir, v.cc1)); err != nil {
			return err
		}
	}
	for _, path := range v.configs {
		path = absolute(p.c.Dir, path)
		text, _, err := p.files.Read(path, 1<<20)
		if err != nil {
			return p.refuse("%v", err)
		}
		if bytes.ContainsAny(text, "@") {
			return p.refuse("%s includes another configuration file", path)
		}
		if err := p.file("configuration "+filepath.Base(path), path); err != nil {
			return err
		}
	}
	dirs := v.configDirs
	for _, dir := range []string{filepath.Dir(p.c.Program), v.installedDir} {
		if dir != "" {
			dirs = append(dirs, dir)
		}
	}
	for _, name := range []string{"CLANG_CONFIG_FILE_SYSTEM_DIR", "CLANG_CONFIG_FILE_USER_DIR"} {
		if dir, ok := p.c.Getenv(name); ok && dir != "" {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		if dir = absolute(p.c.Dir, dir); p.seen["configs "+dir] {
			continue
		}
		p.seen["configs "+dir] = true
		if _, err := p.list(dir, "", ".cfg"); err != nil {
			return err
		}
	}
	for _, installation := range v.installations {
		if err := p.installationParents(absolute(p.c.Dir, installation)); err != nil {
			return err
		}
	}
	if v.resourceDir == "" {
		return nil
	}
	share := under(absolute(p.c.Dir, v.resourceDir), "share")
	names, err := p.list(share, "", "list.txt")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := p.file("resource "+name, under(share, name)); err != nil {
			return err
		}
	}
	return nil
}

// installationParents rests on which gcc versions, targets and kinds of installation lie beside a candidate, which is
// spelled PREFIX/lib/gcc/TARGET/VERSION.
func (p *probe) installationParents(path string) error {
	prefixes := []string{"", "", "gcc"}
	for _, prefix := range prefixes {
		path = directoryOf(path)
		if p.seen["parent "+path] {
			continue
		}
		p.seen["parent "+path] = true
		if _, err := p.list(path, prefix, ""); err != nil {
			return err
		}
	}
	return nil
}

// readMajor reads the number at the start of a version.
func readMajor(version string) int {
	end := 0
	for end < len(version) && version[end] >= '0' && version[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return n
}
