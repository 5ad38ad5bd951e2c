package cc

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
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
	args = append(args, "-v", "-E", "-x", probeLanguage(p.c.Language), "/dev/null")
	said, err := p.say(args)
	if err != nil {
		return err
	}
	v := readVerbose(said.Stderr)
	for _, dir := range v.missingDirs {
		p.missing(absolute(p.c.Dir, dir))
	}
	p.chain.major, p.chain.apple, p.chain.searchDirs = v.major, v.apple, v.searchDirs
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
	d, err := p.files.ToolDigest(path)
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
	if err := p.watch(path); err != nil {
		return err
	}
	for _, w := range p.known.files {
		if w.path == path {
			p.tc.Files = append(p.tc.Files, compile.ToolFile{Role: role, Path: path, Digest: w.digest})
			return nil
		}
	}
	return p.refuse("%s (%s) is missing", path, role)
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
	earlier := elf.libDirs
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
