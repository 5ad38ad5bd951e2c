package cc

import (
	"path/filepath"
	"strings"
)

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
	programDirs, libDirs := readSearchDirs(said.Stdout, p.c.Dir)
	for _, dir := range libDirs {
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
