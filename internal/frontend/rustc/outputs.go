package rustc

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/linker"
)

// Roles of outputs.
const (
	roleMetadata     = "metadata"
	roleLibrary      = "library"
	roleDependencies = "dependencies"
	roleProgram      = "program"
	roleShared       = "shared-library"
	roleCShared      = "c-shared-library"
	roleStatic       = "static-library"
	roleIR           = "llvm-ir"
)

// The ends of the lines by which rustc tells, long before it has generated code, that dep-info and metadata are there. In the
// text of a message their quotes would be escaped.
const (
	metadataNotice     = `"emit":"metadata"}`
	dependenciesNotice = `"emit":"dep-info"}`
)

// outputs names the files that the compile writes, in the order in which cargo's dependents may use them. rustc puts metadata and
// libraries in place as new files, whatever links the old ones have (cargo links libraries of members beside deps/); dep-info
// it writes into the file that is there.
func (p *parser) outputs() *compile.Decline {
	if p.toStdout() {
		p.det.metadata = true
		return nil
	}
	dir := p.outputDir()
	if info, err := p.files.Stat(dir); err != nil || !info.IsDirectory() {
		return compile.Refuse(compile.ReasonOutputFile, dir)
	}
	if givesRights(dir) {
		return compile.Refuse(compile.ReasonOutputFile, dir+" has a default ACL")
	}
	stem := p.det.crate + p.det.extra
	add := func(o compile.Output) { p.c.Outputs = append(p.c.Outputs, o) }
	named := func(name string) string {
		if p.outFile != "" {
			name = filepath.Base(p.outFile)
		}
		return filepath.Join(dir, name)
	}
	if p.det.metadata = p.emits("metadata"); p.det.metadata {
		// Of programs there is no metadata, and the file is empty.
		add(compile.Output{Role: roleMetadata, Path: named("lib" + stem + ".rmeta"), Replaced: true, Empty: true, Notice: p.notice(metadataNotice)})
	}
	if p.emits("llvm-ir") {
		add(compile.Output{Role: roleIR, Path: named(stem + ".ll")}) // rustc copies it into the file that is there
	}
	if p.makesRlib() {
		p.det.rlib = filepath.Join(dir, "lib"+stem+".rlib")
		add(compile.Output{Role: roleLibrary, Path: p.det.rlib, Replaced: true})
	}
	types, _ := p.linked()
	for _, t := range types {
		// Linkers make a new file, under umask 0777; so does rustc for archives, 0666. That of components writes into the file that is there.
		role, name := linkedFile(t, p.det.target, stem)
		add(compile.Output{Role: role, Path: filepath.Join(dir, name), Replaced: !linker.IsComponent(p.det.target) || t == "staticlib"})
	}
	if p.emits("dep-info") {
		p.det.depInfo = filepath.Join(dir, stem+".d")
		add(compile.Output{Role: roleDependencies, Path: p.det.depInfo, Text: true, Notice: p.notice(dependenciesNotice)})
	}
	for _, o := range p.c.Outputs {
		info, err := os.Lstat(o.Path)
		if os.IsNotExist(err) {
			continue
		}
		refused := compile.Refuse(compile.ReasonOutputFile, o.Path)
		if err != nil || !info.Mode().IsRegular() || slices.Contains(p.externs, o.Path) {
			return refused
		}
		if st, err := p.files.Stat(o.Path); err != nil || !o.Replaced && (st.Nlink > 1 || st.Mode&0o200 == 0) {
			return refused
		}
	}
	return nil
}

// notice returns text where such lines are asked for and one of them is worth a message: nobody waits for dep-info alone.
func (p *parser) notice(text string) string {
	if p.notices && !p.det.humanText && p.emits("metadata") {
		return text
	}
	return ""
}
