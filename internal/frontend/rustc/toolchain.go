package rustc

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/linker"
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
	p := &probe{
		Asking: toolchain.Asking{Ctx: ctx, C: c, Files: files, Prober: ask, Loads: f.loaded, Reason: compile.ReasonCompiler},
		d:      c.Detail.(*detail), f: f,
	}
	p.proxy = p.isRustup(c.Program)
	find := func() (*knownChain, toolchain.Key, error) {
		if err := p.run(); err != nil {
			return nil, key, err
		}
		answer, err := p.Answer(nil)
		return &knownChain{answer, p.answer}, key, err
	}
	var compiler *knownChain
	if p.proxy {
		compiler, _, err = find() // what it chose once says nothing of another call
	} else {
		compiler, err = f.chains.Find(ctx, []toolchain.Key{key}, func(known *knownChain) bool { return known.Basis.Current(files) }, find)
	}
	if err != nil {
		return nil, err
	}
	tc := compiler.Toolchain
	if p.d.link != nil {
		by := linker.Compiler{Toolchain: tc, Key: key, Sysroot: compiler.sysroot, Host: compiler.host, Target: p.d.target, Proxy: p.proxy}
		if tc, err = f.linkers.Toolchain(ctx, c, by, p.d.link.Call, files, ask); err != nil {
			return nil, err
		}
	}
	return placed(c, tc, compiler.sysroot), nil
}

// knownChain is an answer, and what the compiler said of itself.
type knownChain struct {
	toolchain.Answer
	answer
}

// chainKeyOf names what is asked: which compiler, for which target, with which libraries.
func chainKeyOf(c *compile.Compilation, files frontend.Files) (toolchain.Key, error) {
	rest := c.Program + "\x00" + c.Detail.(*detail).target
	for _, name := range []string{"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT"} {
		value, ok := c.Getenv(name)
		rest += fmt.Sprintf("\x00%t%s", ok, value)
		if ok && toolchain.HasRelative(name, value) {
			rest += "\x00" + c.Dir
		}
	}
	return toolchain.KeyOf(c, files, rest)
}

// probe is one asking of a compiler.
type probe struct {
	toolchain.Asking
	d     *detail
	f     *Frontend
	proxy bool // the program is rustup's, which may choose another compiler next time
	answer
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
		if err := p.Directory(part.role, part.dir); err != nil {
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
	return p.Loaded(driver)
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
func (p *probe) say(argv []string) (string, error) {
	said, err := p.Say(argv)
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
