package rustc

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
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
	p := &probe{ctx: ctx, c: c, d: c.Detail.(*detail), files: files, ask: ask, f: f}
	p.proxy = p.isRustup(c.Program)
	compiler, err := f.chainOf(p, []chainKey{key}, func() (*knownChain, chainKey, error) {
		if err := p.run(); err != nil {
			return nil, key, err
		}
		p.known.toolchain, p.known.answer = &p.tc, p.answer
		return &p.known, key, nil
	}, func(known *knownChain) bool { return known.current(files) })
	if err != nil {
		return nil, err
	}
	link := p.d.link
	if link == nil {
		return compiler.placed(c), nil
	}
	known, err := f.chainOf(p, []chainKey{key.with(linkKey(c, link, true)), key.with(linkKey(c, link, false))}, func() (*knownChain, chainKey, error) { return f.linked(p, key, compiler) },
		func(known *knownChain) bool { return known.compiler == compiler && known.current(files) })
	if err != nil {
		return nil, err
	}
	return known.placed(c), known.refusal()
}

// chainOf returns what is known under the first of keys that has a right answer, or else what find finds and names. Of those who want to
// know the same one asks, and the others wait.
func (f *Frontend) chainOf(p *probe, keys []chainKey, find func() (*knownChain, chainKey, error), right func(*knownChain) bool) (*knownChain, error) {
	if p.proxy {
		known, _, err := find()
		return known, err
	}
	for {
		for _, key := range keys {
			if known := f.chains.get(key); known != nil && right(known) {
				return known, nil
			}
		}
		other := f.chains.begin(keys[0])
		if other == nil {
			break
		}
		select {
		case <-other:
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
		}
	}
	defer f.chains.end(keys[0])
	known, key, err := find()
	if err == nil {
		f.chains.put(key, known)
	}
	return known, err
}

// linked returns the chain of a compiler that links, and its key. What the driver and the linker said to another call is put to the test
// first, without asking anybody but the loader.
func (f *Frontend) linked(asked *probe, key chainKey, compiler *knownChain) (*knownChain, chainKey, error) {
	link := asked.d.link
	keyOf := func(p *probe) chainKey { return key.with(linkKey(asked.c, link, p.own)) }
	try := func(ask frontend.Prober) (*probe, error) {
		p := &probe{ctx: asked.ctx, c: asked.c, d: asked.d, files: asked.files, ask: ask, proxy: asked.proxy, f: f, answer: compiler.answer}
		p.tc = *compiler.toolchain
		p.tc.Files = slices.Clip(p.tc.Files)
		if err := p.linker(link); err != nil {
			if !errors.As(err, &p.known.refused) {
				return nil, err
			}
			p.own = false
		}
		p.tc.Detail = p.tools
		p.known.toolchain, p.known.compiler, p.known.answer = &p.tc, compiler, compiler.answer
		return p, nil
	}
	id := chainKey{key.program, key.dev, key.ino, linkKey(asked.c, link, true)}
	memory := !asked.proxy && !asked.loadedOtherwise()
	if said := f.said.get(id); memory && said != nil && said.chain.current(asked.files) {
		p, err := try(said.replay(asked.ask))
		if err == nil && p.own && slices.Equal(p.known.files, said.chain.files) {
			return &p.known, keyOf(p), nil
		}
	}
	heard := &linkAnswers{}
	p, err := try(heard.record(asked.ask))
	if err != nil {
		return nil, key, err
	}
	if memory && p.own {
		heard.chain = &p.known
		f.said.put(id, heard)
	}
	return &p.known, keyOf(p), nil
}

// probe is one asking of a compiler.
type probe struct {
	ctx   context.Context
	c     *compile.Compilation
	d     *detail
	files frontend.Files
	ask   frontend.Prober

	tc    compile.Toolchain
	known knownChain
	f     *Frontend
	proxy bool       // the program is rustup's, which may choose another compiler next time
	tools *linkTools // of one that links
	gcc   bool       // the driver is a gcc, and nothing that starts one
	own   bool       // what the driver says does not depend on the working directory
	answer
}

func (p *probe) refuse(format string, args ...any) error {
	return compile.Refuse(compile.ReasonCompiler, fmt.Sprintf(format, args...))
}

func (p *probe) run() error {
	p.tc.Kind = p.c.Kind
	if p.proxy {
		if err := p.where(); err != nil {
			return err
		}
		if err := p.compiler(filepath.Join(p.sysroot, "bin", filepath.Base(p.c.Program))); err != nil {
			return err
		}
	} else {
		asked, err := p.whereFirst()
		if err != nil {
			return err
		}
		if err := p.compiler(p.c.Program); err != nil {
			return err
		}
		if err := p.whereOnce(asked); err != nil {
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
	program, err := p.files.ToolDigest(driver)
	if err != nil {
		return p.refuse("%v", err)
	}
	var earlier []string
	if list, ok := p.c.Getenv("LD_LIBRARY_PATH"); ok && list != "" {
		for dir := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ':' || r == ';' }) {
			earlier = append(earlier, absolute(p.c.Dir, dir))
		}
	}
	real, err := filepath.EvalSymlinks(driver)
	if err != nil {
		return p.refuse("%v", err)
	}
	k := loadKey{driver, real, interpreter, program}
	libraries := p.remembered(k, earlier)
	if libraries == nil {
		said, err := p.say([]string{interpreter, "--list", driver})
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(said, "\n") {
			name, path, ok := loadedLibrary(line)
			if !ok {
				return p.refuse("%s: library %s", driver, strings.TrimSpace(line))
			}
			libraries = append(libraries, library{name: name, path: path})
		}
		p.remember(k, libraries, earlier)
	}
	for _, lib := range libraries {
		if lib.path == "" {
			continue
		}
		if err := p.file("loaded "+lib.name, lib.path); err != nil {
			return err
		}
		for _, dir := range earlier {
			p.absent(dir, lib.name)
			p.absent(dir, "glibc-hwcaps")
		}
	}
	const preload = "/etc/ld.so.preload"
	if d, err := p.files.ToolDigest(loaderCache); err == nil {
		p.known.files = append(p.known.files, watched{loaderCache, d})
	}
	if p.files.Exists("/etc", filepath.Base(preload)) {
		return p.refuse("%s is there", preload)
	}
	p.absent("/etc", filepath.Base(preload))
	return nil
}
