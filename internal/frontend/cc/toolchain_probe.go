package cc

import (
	"context"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
)

// probe is one asking of a compiler.
type probe struct {
	toolchain.Asking
	d     *detail
	chain chain
}

// probeChain asks the compiler of c what it is made of.
func (f *Frontend) probeChain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*toolchain.Answer, error) {
	p := &probe{
		Asking: toolchain.Asking{Ctx: ctx, C: c, Files: files, Prober: ask, Loads: f.loads, Reason: compile.ReasonCompiler},
		d:      c.Detail.(*detail),
	}
	err := p.run()
	found := p.chain
	p.Found.Detail = &found
	answer, err := p.Answer(err)
	if err != nil {
		return nil, err
	}
	return &answer, nil
}

func (p *probe) run() error {
	if err := p.program("driver", p.C.Program); err != nil {
		return err
	}
	if err := p.noOtherCache(); err != nil {
		return err
	}
	args := append([]string{p.C.Program}, p.d.probeArgs...)
	args = append(args, "-v", "-E", "-x", probeLanguage(p.C.Language), "/dev/null")
	said, err := p.say(args)
	if err != nil {
		return err
	}
	v := readVerbose(said.Stderr)
	for _, dir := range v.missingDirs {
		p.Missing(frontend.Absolute(p.C.Dir, dir))
	}
	p.chain.major, p.chain.apple, p.chain.searchDirs = v.major, v.apple, v.searchDirs
	p.Fact("search directories: " + strings.Join(v.searchDirs, ":"))
	p.Fact("target options: " + strings.Join(v.targetOptions, " "))
	switch v.kind {
	case "gcc":
		p.Found.Kind = "gcc"
		return p.gcc(v)
	case "clang":
		p.Found.Kind, p.chain.clang = "clang", true
		return p.clang(v)
	}
	return p.Refuse("%s is neither gcc nor clang", p.C.Program)
}

// say runs a program with predictable messages and without the user's own search directories, which are no part of the
// toolchain.
func (p *probe) say(argv []string) (frontend.ProbeResult, error) {
	return p.Say(argv, "LC_ALL=C", "CPATH=", "C_INCLUDE_PATH=", "CPLUS_INCLUDE_PATH=", "OBJC_INCLUDE_PATH=", "OBJCPLUS_INCLUDE_PATH=")
}

// part makes a file part of the toolchain, once.
func (p *probe) part(role, path string) error {
	if p.Has(path) {
		return nil
	}
	return p.File(role, path)
}

// program makes a program and every shared library that it loads part of the toolchain.
func (p *probe) program(role, path string) error {
	if p.Has(path) {
		return nil
	}
	if err := p.File(role, path); err != nil {
		return err
	}
	libraries, err := p.Libraries(path)
	if err != nil {
		return err
	}
	for _, lib := range libraries {
		if err := p.part("library "+lib.Name, lib.Path); err != nil {
			return err
		}
	}
	return nil
}

// maxSmallProgram bounds the programs that are searched for another cache's marks: those are small or use a mark early.
const maxSmallProgram = 64 << 20

// noOtherCache refuses a compiler that is another cache or a distributor under a compiler's name.
func (p *probe) noOtherCache() error {
	fi, err := p.Files.Stat(p.C.Program)
	if err != nil || fi.Size > maxSmallProgram {
		return nil
	}
	text, _, err := p.Files.Read(p.C.Program, maxSmallProgram)
	if err != nil {
		return p.Refuse("%v", err)
	}
	if mark := toolchain.OtherCache(text); mark != "" {
		return p.Refuse("%s is not a compiler but runs one (%s)", p.C.Program, mark)
	}
	return nil
}
