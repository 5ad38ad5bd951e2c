package rustc

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
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
	p := f.probe(ctx, c, files, ask, compile.ReasonCompiler)
	p.proxy = p.isRustup(c.Program)
	compiler, err := f.chainOf(p, []toolchain.Key{key}, func() (*knownChain, toolchain.Key, error) {
		err := p.run()
		if err != nil {
			return nil, key, err
		}
		known := &knownChain{answer: p.answer}
		known.Answer, err = p.Answer(nil)
		return known, key, err
	}, func(known *knownChain) bool { return known.Basis.Current(files) })
	if err != nil {
		return nil, err
	}
	link := p.d.link
	if link == nil {
		return compiler.placed(c), nil
	}
	keys := []toolchain.Key{key.With(linkKey(c, link, true)), key.With(linkKey(c, link, false))}
	known, err := f.chainOf(p, keys, func() (*knownChain, toolchain.Key, error) { return f.linked(p, key, compiler) },
		func(known *knownChain) bool { return known.compiler == compiler && known.Basis.Current(files) })
	if err != nil {
		return nil, err
	}
	if known.Refused != nil {
		return nil, known.Refused
	}
	return known.placed(c), nil
}

// chainOf returns what is known under one of keys, or what find finds. What rustup's proxy chose once says nothing of another call.
func (f *Frontend) chainOf(p *probe, keys []toolchain.Key, find func() (*knownChain, toolchain.Key, error), right func(*knownChain) bool) (*knownChain, error) {
	if p.proxy {
		known, _, err := find()
		return known, err
	}
	return f.chains.Find(p.Ctx, keys, right, find)
}

// linked returns the chain of a compiler that links, and its key. What the driver and the linker said to another call is put to the test
// first, without asking anybody but the loader.
func (f *Frontend) linked(asked *probe, key toolchain.Key, compiler *knownChain) (*knownChain, toolchain.Key, error) {
	link := asked.d.link
	try := func(ask frontend.Prober) (known *knownChain, own bool, err error) {
		p := f.probe(asked.Ctx, asked.C, asked.Files, ask, compile.ReasonLink)
		p.answer = compiler.answer
		p.Found = *compiler.Toolchain
		p.Found.Files = slices.Clip(p.Found.Files)
		err = p.linker(link)
		p.Found.Detail = p.tools
		known = &knownChain{answer: compiler.answer, compiler: compiler}
		known.Answer, err = p.Answer(err)
		return known, p.own && known.Refused == nil, err
	}
	keyOf := func(own bool) toolchain.Key { return key.With(linkKey(asked.C, link, own)) }
	id := key.Instead(linkKey(asked.C, link, true))
	memory := !asked.proxy && !toolchain.LoadedOtherwise(asked.C)
	if said, ok := f.said.Get(id); memory && ok && said.chain.Basis.Current(asked.Files) {
		known, own, err := try(said.replay(asked.Prober))
		if err == nil && own && known.Basis.SameFiles(&said.chain.Basis) {
			return known, keyOf(true), nil
		}
	}
	heard := &linkAnswers{}
	known, own, err := try(heard.record(asked.Prober))
	if err != nil {
		return nil, key, err
	}
	if memory && own {
		heard.chain = known
		f.said.Set(id, heard)
	}
	return known, keyOf(own), nil
}

// knownChain is an answer, and what the compiler said of itself.
type knownChain struct {
	toolchain.Answer
	answer
	compiler *knownChain // what a chain that links adds to; its own Basis leaves out that one's
}

// chainKeyOf names what is asked: which compiler, for which target, with which libraries.
func chainKeyOf(c *compile.Compilation, files frontend.Files) (toolchain.Key, error) {
	rest := c.Program + "\x00" + c.Detail.(*detail).target
	for _, name := range []string{"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT"} {
		value, ok := c.Getenv(name)
		rest += fmt.Sprintf("\x00%t%s", ok, value)
		for element := range strings.SplitSeq(value, ":") {
			if ok && !strings.HasPrefix(element, "/") {
				rest += "\x00" + c.Dir
			}
		}
	}
	return toolchain.KeyOf(c, files, rest)
}

// probe is one asking of a compiler, or of the linkers of one.
type probe struct {
	toolchain.Asking
	d     *detail
	f     *Frontend
	proxy bool       // the program is rustup's, which may choose another compiler next time
	tools *linkTools // of one that links
	gcc   bool       // the driver is a gcc, and nothing that starts one
	own   bool       // what the driver says does not depend on the working directory
	answer
}

// probe returns an asking that refuses for a reason.
func (f *Frontend) probe(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober, reason compile.ReasonID) *probe {
	return &probe{
		Asking: toolchain.Asking{Ctx: ctx, C: c, Files: files, Prober: ask, Loads: f.loaded, Reason: reason},
		d:      c.Detail.(*detail), f: f,
	}
}

func (p *probe) run() error {
	p.Found.Kind = p.C.Kind
	if p.proxy {
		if err := p.where(); err != nil {
			return err
		}
		if err := p.compiler(filepath.Join(p.sysroot, "bin", filepath.Base(p.C.Program))); err != nil {
			return err
		}
	} else {
		asked, err := p.whereFirst()
		if err != nil {
			return err
		}
		if err := p.compiler(p.C.Program); err != nil {
			return err
		}
		if err := p.whereOnce(asked); err != nil {
			return err
		}
		if own := filepath.Join(p.sysroot, "bin", filepath.Base(p.C.Program)); !p.Same(own, p.C.Program) {
			return p.Refuse("%s is not the compiler of %s", p.C.Program, p.sysroot)
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
	p.Found.Version = p.version
	// Messages quote the standard library where its source is there.
	source := withSource
	if !p.Files.Exists(filepath.Join(lib, "rustlib"), "src") {
		source = "without the source of the standard library"
		p.Absent(filepath.Join(lib, "rustlib"), "src")
	}
	p.Found.Facts = append(p.Found.Facts, "host "+p.host, source)
	return nil
}

// compiler makes the compiler's program and what it loads part of the toolchain.
func (p *probe) compiler(driver string) error {
	if err := p.File("driver", driver); err != nil {
		return err
	}
	return p.libraries(driver)
}

// where asks the compiler for its sysroot and host.
func (p *probe) where() error {
	driver := p.C.Program
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
		return p.Refuse("%s names no sysroot", driver)
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
	return p.Refuse("%s names no host", driver)
}

// say asks something and returns the standard output.
func (p *probe) say(argv []string, env ...string) (string, error) {
	said, err := p.Say(argv, env...)
	return string(said.Stdout), err
}

// isRustup reports whether a program is rustup under a compiler's name.
func (p *probe) isRustup(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	dir := filepath.Dir(path)
	return filepath.Base(real) == "rustup" || p.Same(path, filepath.Join(dir, "rustup"))
}

// directory makes all plain files of a directory part of the toolchain. It may be missing.
func (p *probe) directory(role, dir string) error {
	names, err := p.List(dir, "", "")
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if info, err := p.Files.Stat(path); err != nil || !info.IsRegular() {
			continue
		}
		if err := p.File(role+" "+name, path); err != nil {
			return err
		}
	}
	return nil
}

// libraries makes every shared library that the loader gives a program part of the toolchain.
func (p *probe) libraries(program string) error {
	libraries, err := p.Libraries(program)
	if err != nil {
		return err
	}
	for _, lib := range libraries {
		if err := p.File("loaded "+lib.Name, lib.Path); err != nil {
			return err
		}
	}
	if !p.Missing(toolchain.LoaderPreload) {
		return p.Refuse("%s is there", toolchain.LoaderPreload)
	}
	return nil
}
