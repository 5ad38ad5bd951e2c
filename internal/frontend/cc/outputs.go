package cc

import (
	"os"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Roles of outputs.
const (
	roleObject       = "object"
	roleDependencies = "dependencies"
	roleCoverage     = "coverage-notes"
	roleSplitDwarf   = "split-dwarf"
	roleStackUsage   = "stack-usage"
)

// nullDevice as a dependency file means that none is wanted.
const nullDevice = "/dev/null"

// sideExtensions are the extensions of the files beside the object, by role.
var sideExtensions = map[string]string{roleCoverage: ".gcno", roleSplitDwarf: ".dwo", roleStackUsage: ".su"}

// outputs names every file that the compile may write. The names were taken from gcc 12 and clang 14 (TestOutputs runs
// them): the dependency file is the object's name with its extension replaced, and so are the others, but gcc only adds
// to a name whose one dot comes first, which other versions do not.
func (p *parser) outputs() *compile.Decline {
	dir := p.inv.Dir
	object := p.output
	if !p.haveOutput {
		if p.objectDiffers() {
			return compile.Refuse(compile.ReasonOutputFile, p.det.sourceArg)
		}
		object = withExtension(baseOf(p.det.sourceArg), ".o")
	}
	if name := baseOf(object); name == "" || name == "." || name == ".." || name == ".o" && !p.haveOutput {
		return compile.Refuse(compile.ReasonOutputFile, object)
	}
	p.c.Outputs = make([]compile.Output, 0, 2+len(p.side))
	p.c.Outputs = append(p.c.Outputs, compile.Output{Role: roleObject, Path: frontend.Absolute(dir, object)})
	if p.det.userDeps != depsNone {
		file := p.depFile
		if file == "" {
			file = withExtension(object, ".d")
		}
		if file == "-" || file == "" {
			return compile.Refuse(compile.ReasonOutputFile, file)
		}
		if path := frontend.Absolute(dir, file); path != nullDevice {
			p.det.depFile = path
			p.c.Outputs = append(p.c.Outputs, compile.Output{Role: roleDependencies, Path: path, Text: true})
		}
	}
	for _, role := range p.side {
		if extension(object) == baseOf(object) {
			return compile.Refuse(compile.ReasonOutputFile, object)
		}
		path := frontend.Absolute(dir, withExtension(object, sideExtensions[role]))
		p.c.Outputs = append(p.c.Outputs, compile.Output{Role: role, Path: path, Optional: true})
	}
	for i := range p.c.Outputs {
		if d := p.checkOutput(i); d != nil {
			return d
		}
	}
	return nil
}

// objectDiffers reports whether the object's name without -o depends on a target that may be Microsoft's, where it ends
// in .obj.
func (p *parser) objectDiffers() bool {
	if !p.det.clang {
		return false
	}
	for _, a := range append(p.det.probeArgs, baseOf(p.inv.Program)) {
		if strings.Contains(a, "windows") || strings.Contains(a, "msvc") || strings.Contains(a, "uefi") {
			return true
		}
	}
	return false
}

// checkOutput refuses an output that is written twice, lies in no directory, is an input, or exists as anything else than a
// plain writable file with one link; and it learns how the compiler puts it there. gcc's assembler and objcopy remove
// a file that is not empty and write into one that is (mktemp makes such); clang renames its object into place, but for that of
// an assembly source; all other outputs are written into the file that is there.
func (p *parser) checkOutput(i int) *compile.Decline {
	o := &p.c.Outputs[i]
	refused := compile.Refuse(compile.ReasonOutputFile, o.Path)
	for _, other := range p.c.Outputs[:i] {
		if other.Path == o.Path {
			return refused
		}
	}
	dir := directoryOf(o.Path)
	if i == 0 || dir != directoryOf(p.c.Outputs[i-1].Path) {
		if info, err := p.files.Stat(dir); err != nil || !info.IsDirectory() {
			return refused
		}
	}
	byAssembler := o.Role == roleObject || o.Role == roleSplitDwarf
	kind, exists := p.lstat(o.Path)
	if !exists {
		o.Replaced = byAssembler && (o.Role == roleObject || !p.det.clang)
		return nil
	}
	info, err := p.files.Stat(o.Path)
	if err != nil || !kind.IsRegular() || !info.IsRegular() || info.Nlink > 1 || info.Mode&0o200 == 0 {
		return refused
	}
	if p.isInput(o.Path, info) {
		return refused
	}
	if p.det.clang {
		o.Replaced = o.Role == roleObject && !isAssembly(p.sources[0].lang)
	} else {
		o.Replaced = byAssembler && info.Size > 0
	}
	return nil
}

// isInput reports whether a file is one that the compile is known to read, under this or another name.
func (p *parser) isInput(path string, info frontend.FileInfo) bool {
	for _, in := range p.c.Inputs {
		if in == path {
			return true
		}
		if i, err := p.files.Stat(in); err == nil && i.Dev == info.Dev && i.Ino == info.Ino && info.Ino != 0 {
			return true
		}
	}
	return false
}

// lstat tells what a name is without following a link.
func lstat(path string) (os.FileMode, bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, !os.IsNotExist(err)
	}
	return info.Mode(), true
}
