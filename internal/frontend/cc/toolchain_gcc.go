package cc

import (
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
)

// gcc adds what gcc consists of: cc1 or cc1plus, the assembler, specs.
func (p *probe) gcc(v verbose) error {
	if v.collectGCC != "" {
		other := frontend.Absolute(p.C.Dir, v.collectGCC)
		if strings.Contains(v.collectGCC, "/") && other != p.C.Program {
			if err := p.program("driver behind "+filepath.Base(p.C.Program), other); err != nil {
				return err
			}
		}
	}
	for _, specs := range v.specs {
		if err := p.part("specs", frontend.Absolute(p.C.Dir, specs)); err != nil {
			return err
		}
	}
	if v.cc1 == "" {
		return p.Refuse("%s does not say which cc1 it runs", p.C.Program)
	}
	if err := p.program(filepath.Base(v.cc1), frontend.Absolute(p.C.Dir, v.cc1)); err != nil {
		return err
	}
	said, err := p.say(append(append([]string{p.C.Program}, p.d.probeArgs...), "-print-search-dirs"))
	if err != nil {
		return err
	}
	programDirs, libDirs := toolchain.SearchDirs(said.Stdout, p.C.Dir)
	for _, dir := range libDirs {
		if err := p.optionalSpecs(frontend.Under(dir, "specs")); err != nil {
			return err
		}
	}
	p.MissingBefore(programDirs, frontend.Absolute(p.C.Dir, v.cc1))
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
	if p.Missing(path) {
		return nil
	}
	return p.part("specs", path)
}

// tool adds a program that gcc's driver runs by name.
func (p *probe) tool(name string, programDirs []string) error {
	said, err := p.say(append(append([]string{p.C.Program}, p.d.probeArgs...), "-print-prog-name="+name))
	if err != nil {
		return err
	}
	path := strings.TrimRight(string(said.Stdout), "\r\n")
	if strings.Contains(path, "/") {
		path = frontend.Absolute(p.C.Dir, path)
		p.MissingBefore(programDirs, path)
		return p.program(name, path)
	}
	p.MissingFrom(programDirs, name)
	if path = p.LookPath(path, p.PathDirs(), nil); path != "" {
		return p.program(name, path)
	}
	return p.Refuse("no %s in PATH", name)
}
