package rustc

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Toolchain implements frontend.Frontend. The compiler is asked where its files lie, once; the answer is known while all of them
// are what they were and their directories list the same.
//
// Part of it are, by content: the driver, every shared library that the loader gives it, all libraries of its sysroot (the
// compiler proper and LLVM are two of them), the code generators, and the standard library of the target.
func (f *Frontend) Toolchain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	key, err := chainKeyOf(c, files)
	if err != nil {
		return nil, err
	}
	p := &probe{ctx: ctx, c: c, d: c.Detail.(*detail), files: files, ask: ask, answers: &f.answers}
	compiler := f.chains.get(key)
	if compiler == nil || !compiler.current(files) {
		if err := p.run(); err != nil {
			return nil, err
		}
		compiler = &p.known
		compiler.toolchain, compiler.answer = &p.tc, p.answer
		if !p.proxy {
			f.chains.put(key, compiler)
		}
	}
	link := p.d.link
	if link == nil {
		return compiler.placed(c), nil
	}
	key.rest += linkKey(c, link)
	if known := f.chains.get(key); known != nil && known.compiler == compiler && known.current(files) {
		return known.placed(c), known.refusal()
	}
	p = &probe{ctx: ctx, c: c, d: p.d, files: files, ask: ask, proxy: p.proxy, answers: &f.answers, answer: compiler.answer}
	p.tc = *compiler.toolchain
	p.tc.Files = slices.Clip(p.tc.Files)
	if err := p.linker(link); err != nil && !errors.As(err, &p.known.refused) {
		return nil, err
	}
	p.tc.Detail = p.tools
	p.known.toolchain, p.known.compiler = &p.tc, compiler
	p.known.answer = compiler.answer
	if !p.proxy {
		f.chains.put(key, &p.known)
	}
	return p.known.placed(c), p.known.refusal()
}

// chainKey names a question: which compiler, for which target, with which libraries.
type chainKey struct {
	program  digest.Digest
	dev, ino uint64
	rest     string
}

func chainKeyOf(c *compile.Compilation, files frontend.Files) (chainKey, error) {
	fi, err := files.Stat(c.Program)
	if err != nil {
		return chainKey{}, compile.Refuse(compile.ReasonCompiler, c.Program)
	}
	program, err := files.ToolDigest(c.Program)
	if err != nil {
		return chainKey{}, compile.Refuse(compile.ReasonCompiler, c.Program)
	}
	rest := c.Program + "\x00" + c.Detail.(*detail).target + whereLies(c.Program, files)
	for _, name := range []string{"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT"} {
		value, ok := c.Getenv(name)
		rest += fmt.Sprintf("\x00%t%s", ok, value)
		for element := range strings.SplitSeq(value, ":") {
			if ok && !strings.HasPrefix(element, "/") {
				rest += "\x00" + c.Dir
			}
		}
	}
	return chainKey{program, fi.Dev, fi.Ino, rest}, nil
}

// knownChain is an answer and what it rests on.
type knownChain struct {
	toolchain *compile.Toolchain
	answer
	files    []watched // those of the toolchain, and the loader's settings
	absent   []place
	listings []listing
	leads    []lead

	compiler *knownChain      // what a chain that links adds to
	refused  *compile.Decline // why such a one cannot be used
}

// refusal returns refused as an error that is nil where there is none.
func (k *knownChain) refusal() error {
	if k.refused != nil {
		return k.refused
	}
	return nil
}

type watched struct {
	path   string
	digest digest.Digest
}

type place struct{ dir, name string }

// listing is the part of a directory's names that have an ending.
type listing struct {
	dir, suffix string
	names       []string
}

func (l *listing) read(files frontend.Files) ([]string, error) {
	all, err := files.Names(l.dir)
	if err != nil || l.suffix == "" {
		return all, err
	}
	var names []string
	for _, name := range all {
		if strings.HasSuffix(name, l.suffix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// current reports whether everything the answer rests on is as it was.
func (k *knownChain) current(files frontend.Files) bool {
	for _, w := range k.files {
		if d, err := files.ToolDigest(w.path); err != nil || d != w.digest {
			return false
		}
	}
	for _, p := range k.absent {
		if files.Exists(p.dir, p.name) {
			return false
		}
	}
	if !k.leadsAsBefore() {
		return false
	}
	for _, l := range k.listings {
		if names, err := l.read(files); err != nil || !slices.Equal(names, l.names) {
			return false
		}
	}
	return true
}

// chainMemory remembers answers. Beyond maxChains all are forgotten: a build has a handful.
type chainMemory struct {
	mu    sync.Mutex // guards known
	known map[chainKey]*knownChain
}

const maxChains = 64

func (m *chainMemory) get(key chainKey) *knownChain {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[key]
}

func (m *chainMemory) put(key chainKey, known *knownChain) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxChains {
		m.known = make(map[chainKey]*knownChain)
	}
	m.known[key] = known
}

// probe is one asking of a compiler.
type probe struct {
	ctx   context.Context
	c     *compile.Compilation
	d     *detail
	files frontend.Files
	ask   frontend.Prober

	tc      compile.Toolchain
	known   knownChain
	proxy   bool       // the program is rustup's, which may choose another compiler next time
	tools   *linkTools // of one that links
	answers *answerMemory
	answer
}

func (p *probe) refuse(format string, args ...any) error {
	return compile.Refuse(compile.ReasonCompiler, fmt.Sprintf(format, args...))
}

func (p *probe) run() error {
	p.tc.Kind = p.c.Kind
	if p.proxy = p.isRustup(p.c.Program); p.proxy {
		if err := p.where(); err != nil {
			return err
		}
		if err := p.compiler(filepath.Join(p.sysroot, "bin", filepath.Base(p.c.Program))); err != nil {
			return err
		}
	} else {
		if err := p.compiler(p.c.Program); err != nil {
			return err
		}
		if err := p.whereOnce(); err != nil {
			return err
		}
		if own := filepath.Join(p.sysroot, "bin", filepath.Base(p.c.Program)); !p.same(own, p.c.Program) {
			return p.refuse("%s is not the compiler of %s", p.c.Program, p.sysroot)
		}
	}
	target := strings.TrimSuffix(filepath.Base(p.d.target), ".json")
	if p.d.target == "" {
		target = p.host
	}
	lib := filepath.Join(p.sysroot, "lib")
	for _, part := range []struct{ role, dir string }{
		{"sysroot", lib},
		{"code generator", filepath.Join(lib, "rustlib", p.host, "codegen-backends")},
		{"target", filepath.Join(lib, "rustlib", target)},
		{"library of target", filepath.Join(lib, "rustlib", target, "lib")},
		{"self-contained", filepath.Join(lib, "rustlib", target, "lib", "self-contained")},
	} {
		if err := p.directory(part.role, part.dir); err != nil {
			return err
		}
	}
	p.tc.Version = p.version
	// Messages quote the standard library where its source is there.
	source := withSource
	if !p.files.Exists(filepath.Join(lib, "rustlib"), "src") {
		source = "without the source of the standard library"
		p.absent(filepath.Join(lib, "rustlib"), "src")
	}
	p.tc.Facts = append(p.tc.Facts, "host "+p.host, source)
	return nil
}

// compiler makes the compiler's program and what it loads part of the toolchain.
func (p *probe) compiler(driver string) error {
	if err := p.file("driver", driver); err != nil {
		return err
	}
	return p.libraries(driver)
}

// where asks the compiler for its sysroot and host.
func (p *probe) where() error {
	driver := p.c.Program
	argv := []string{driver}
	if p.d.clippy {
		argv = append(argv, "--rustc")
	}
	said, err := p.say(append(slices.Clone(argv), "--print", "sysroot"))
	if err != nil {
		return err
	}
	p.sysroot = strings.TrimSuffix(said, "\n")
	if !filepath.IsAbs(p.sysroot) || strings.Contains(p.sysroot, "\n") {
		return p.refuse("%s names no sysroot", driver)
	}
	if said, err = p.say(append(argv, "-vV")); err != nil {
		return err
	}
	p.version, _, _ = strings.Cut(said, "\n")
	for line := range strings.SplitSeq(said, "\n") {
		if host, ok := strings.CutPrefix(line, "host: "); ok {
			p.host = host
			return nil
		}
	}
	return p.refuse("%s names no host", driver)
}

func (p *probe) say(argv []string) (string, error) {
	said, err := p.ask.Probe(p.ctx, argv, nil)
	if err != nil {
		return "", fmt.Errorf("probe %s: %w", argv[0], err)
	}
	if said.Status != 0 {
		return "", p.refuse("%s exits %d when probed", strings.Join(argv, " "), said.Status)
	}
	return string(said.Stdout), nil
}

// same reports whether two paths lead to one file.
func (p *probe) same(a, b string) bool {
	fa, err := p.files.Stat(a)
	if err != nil {
		return false
	}
	fb, err := p.files.Stat(b)
	return err == nil && fa.Dev == fb.Dev && fa.Ino == fb.Ino
}

// isRustup reports whether a program is rustup under a compiler's name.
func (p *probe) isRustup(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	dir := filepath.Dir(path)
	return filepath.Base(real) == "rustup" || p.same(path, filepath.Join(dir, "rustup"))
}

// directory makes all plain files of a directory part of the toolchain. It may be missing.
func (p *probe) directory(role, dir string) error {
	names, err := p.files.Names(dir)
	if err != nil {
		return p.refuse("%v", err)
	}
	p.known.listings = append(p.known.listings, listing{dir: dir, names: names})
	for _, name := range names {
		path := filepath.Join(dir, name)
		if info, err := p.files.Stat(path); err != nil || !isRegular(info) {
			continue
		}
		if err := p.file(role+" "+name, path); err != nil {
			return err
		}
	}
	return nil
}

// file makes a file part of the toolchain.
func (p *probe) file(role, path string) error {
	d, err := p.files.ToolDigest(path)
	if err != nil {
		return p.refuse("%v", err)
	}
	p.known.files = append(p.known.files, watched{path, d})
	p.tc.Files = append(p.tc.Files, compile.ToolFile{Role: role, Path: path, Digest: d})
	return nil
}

// absent makes the answer rest on the absence of a name.
func (p *probe) absent(dir, name string) {
	if !p.files.Exists(dir, name) {
		p.known.absent = append(p.known.absent, place{dir, name})
	}
}

// libraries makes every shared library that the loader gives the driver part of the toolchain.
func (p *probe) libraries(driver string) error {
	interpreter, err := interpreterOf(driver)
	if err != nil {
		return p.refuse("%s: %v", driver, err)
	}
	if interpreter == "" {
		return nil // static
	}
	said, err := p.say([]string{interpreter, "--list", driver})
	if err != nil {
		return err
	}
	var earlier []string
	if list, ok := p.c.Getenv("LD_LIBRARY_PATH"); ok && list != "" {
		for dir := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ':' || r == ';' }) {
			earlier = append(earlier, absolute(p.c.Dir, dir))
		}
	}
	for line := range strings.SplitSeq(said, "\n") {
		name, path, ok := loadedLibrary(line)
		if !ok {
			return p.refuse("%s: library %s", driver, strings.TrimSpace(line))
		}
		if path == "" {
			continue
		}
		if err := p.file("loaded "+name, path); err != nil {
			return err
		}
		for _, dir := range earlier {
			p.absent(dir, name)
			p.absent(dir, "glibc-hwcaps")
		}
	}
	const cache, preload = "/etc/ld.so.cache", "/etc/ld.so.preload"
	if d, err := p.files.ToolDigest(cache); err == nil {
		p.known.files = append(p.known.files, watched{cache, d})
	}
	if p.files.Exists("/etc", filepath.Base(preload)) {
		return p.refuse("%s is there", preload)
	}
	p.absent("/etc", filepath.Base(preload))
	return nil
}
