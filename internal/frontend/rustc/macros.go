package rustc

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend/rustc/procmacro"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// reach is what the macros that a compile loads may read, and so what its key holds beyond the plain rule. Each holds those before it.
type reach int

const (
	reachTokens      reach = iota // nothing: the plain rule
	reachEnvironment              // variables
	reachPackage                  // the files of the package, and the manifests above it
	reachWorkspace                // the files of the whole workspace, and what build scripts made for the package
)

// macroOf returns the name of the library in libNAME-HASH.so, "" for another file.
func macroOf(path string) string {
	base := filepath.Base(path)
	if !isShared(base) {
		return ""
	}
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	if i := strings.LastIndexByte(stem, '-'); i >= 0 {
		stem = stem[:i]
	}
	return strings.TrimPrefix(stem, "lib")
}

// macros finds out what the macros among the crates may read, and declines where no key covers it.
func (p *parser) macros() *compile.Decline {
	trusted := map[string]bool{}
	if names, ok := p.inv.Getenv(pureMacros); ok {
		for name := range strings.FieldsFuncSeq(names, func(r rune) bool { return r == ',' || r == ' ' }) {
			trusted[strings.ReplaceAll(name, "-", "_")] = true
		}
	}
	for _, path := range p.det.crates {
		name := macroOf(path)
		if name == "" {
			continue
		}
		traits, err := p.f.traits.of(path, p.files.Digest, p.files.Read)
		p.det.places = p.det.places || err != nil || traits.Places
		if err == nil && !traits.Macro {
			if _, err := p.dylib(path); err != nil {
				// What it was made of, macros among it, cannot be seen in it.
				return compile.Refuse(compile.ReasonMacro, err.Error())
			}
			p.det.dylibs = append(p.det.dylibs, path)
			continue
		}
		dated := datedMacros[name] && err == nil && p.dated(traits, traits.Holds(sourceEpoch))
		switch {
		case dated:
		case datedMacros[name]:
			return compile.Refuse(compile.ReasonMacro, name+": puts times of files into what it makes, unless SOURCE_DATE_EPOCH is set")
		case refusedMacros[name]:
			return compile.Refuse(compile.ReasonMacro, name+": known to ask for what no key covers, such as times or git")
		}
		listed := knownMacros[name] || trusted[name]
		r, why := reachOf(traits, err == nil, listed)
		if why == "" && r == reachWorkspace && !traits.Traced {
			why = p.beyond(path)
		}
		switch {
		case why == "":
		case dated || workspaceMacros[name]:
			r, why = reachWorkspace, ""
		case manifestMacros[name] && traits.TimesOnly:
			r, why, listed = reachPackage, "", true
		}
		if why != "" {
			return compile.Refuse(compile.ReasonMacro, name+": "+why)
		}
		if r == reachTokens {
			continue
		}
		p.det.reach = max(p.det.reach, r)
		p.det.asked = p.det.asked || !listed && (r == reachWorkspace || traits.Variables)
		p.readers = append(p.readers, reader{name: name, path: path, traits: traits, judged: err == nil, reach: r})
	}
	return nil
}

// sourceEpoch is the variable that holds the time of a source, in seconds.
const sourceEpoch = "SOURCE_DATE_EPOCH"

// dated reports whether one of datedMacros is given a time that it takes for all files', since it asks for one, and does nothing else that no
// key covers.
func (p *parser) dated(t procmacro.Traits, asks bool) bool {
	value, _ := p.inv.Getenv(sourceEpoch)
	_, err := strconv.ParseUint(value, 10, 64)
	return err == nil && asks && (t.Refused == "" || t.TimesOnly)
}

// reader is a macro that reads more than tokens.
type reader struct {
	name   string
	path   string
	traits procmacro.Traits
	judged bool // otherwise traits are not known
	reach  reach
}

// names reports whether the macro names a variable, or the beginning of some.
func (r reader) names(text string) bool { return r.judged && r.traits.Mentions(text) }

// reachOf returns what a library of macros may read, or why no key covers that. Listed ones read no file outside their user's package,
// and nothing else that matters, whatever they look like.
func reachOf(t procmacro.Traits, judged, listed bool) (r reach, why string) {
	switch {
	case !judged || !t.Traced || t.Refused != "" || t.Files:
		if listed {
			return reachPackage, ""
		}
		if !judged {
			return 0, "not known, and its library is not understood"
		}
		if t.Refused == "" && t.Repository {
			return 0, "reads files, and names .git"
		}
		return reachWorkspace, t.Refused
	case t.Manifests:
		return reachPackage, ""
	case t.Variables:
		return reachEnvironment, ""
	}
	return reachTokens, ""
}

// unbounded makes what a program inside the compiler (a procedural macro, or clippy's lints) may read part of what the
// compile depends on: variables, each a line of the recipe, and files, by name here and by content as inputs. What it reads
// elsewhere is not covered, as it is not by cargo itself; see docs.
func (p *parser) unbounded() *compile.Decline {
	names := func(text string) bool {
		for _, r := range p.readers {
			if r.names(text) {
				return true
			}
		}
		return false
	}
	p.c.Facts = append(p.c.Facts, environmentFacts(p.inv.Env, names)...)
	if len(p.readers) > 0 {
		// Paths in variables, such as CARGO_MANIFEST_DIR, are told by them.
		p.c.Facts = append(p.c.Facts, variableFact("current directory", p.inv.Dir))
	}
	if p.det.reach < reachPackage && !p.det.clippy {
		return nil
	}
	pkg, ok := p.inv.Getenv("CARGO_MANIFEST_DIR")
	if !ok || !strings.HasPrefix(pkg, "/") {
		return compile.Refuse(compile.ReasonMacro, "CARGO_MANIFEST_DIR is not set")
	}
	p.det.pkg = filepath.Clean(pkg)
	if d := p.trees(); d != nil || p.det.reach < reachWorkspace {
		return d
	}
	if d := p.ownTrees(); d != nil {
		return d
	}
	return p.variablePlaces(names)
}

// trees lists the files that macros may read.
func (p *parser) trees() *compile.Decline {
	switch p.det.reach {
	case reachPackage:
		return p.tree("package", p.det.pkg)
	case reachWorkspace:
	default:
		return nil
	}
	if d := p.conditions(); d != nil {
		return d
	}
	if fetched(p.det.pkg, p.cargoHome()) {
		// It knows no workspace, unless it is told by one of these where that lies.
		for _, r := range p.readers {
			for _, name := range []string{"OUT_DIR", "PWD", "CARGO_TARGET_DIR", "CARGO_WORKSPACE"} {
				if r.reach == reachWorkspace && r.names(name) {
					return compile.Refuse(compile.ReasonMacro, r.name+": reads files, and names "+name)
				}
			}
		}
		return p.tree("package", p.det.pkg)
	}
	workspace := workspaceOf(p.det.pkg, p.files)
	if workspace == "" {
		return compile.Refuse(compile.ReasonMacro, p.readers[0].name+": reads files, and no workspace is found above "+p.det.pkg)
	}
	if d := p.tree("workspace", workspace); d != nil {
		return d
	}
	if out, ok := p.inv.Getenv("OUT_DIR"); ok && strings.HasPrefix(out, "/") {
		return p.tree("build script", filepath.Clean(out))
	}
	return nil
}

// tree counts the files below a directory.
func (p *parser) tree(what, root string) *compile.Decline {
	t := tree{root: root}
	if root != p.targetDir() && isBelow(p.targetDir(), root) {
		t.skip = p.targetDir()
	}
	var d *compile.Decline
	if t.files, d = treeFiles(t.root, t.skip, p.files); d != nil {
		return d
	}
	p.det.trees = append(p.det.trees, t)
	p.c.Facts = append(p.c.Facts, compile.FilesFact+what+" "+namesDigest(t.root, t.files).String())
	p.c.Listed = append(p.c.Listed, t.files)
	return nil
}

// conditions declines macros that do more than read where they are told to: sqlx asks a database where a variable, or a file of variables, names
// one, and those for Node.js write declarations of types.
func (p *parser) conditions() *compile.Decline {
	for _, r := range p.readers {
		if r.name == "napi_derive" {
			for _, name := range []string{"NAPI_TYPE_DEF_TMP_FOLDER", "TYPE_DEF_TMP_PATH", "WASI_REGISTER_TMP_PATH"} {
				if _, ok := p.inv.Getenv(name); ok {
					return compile.Refuse(compile.ReasonMacro, r.name+": writes files where "+name+" says")
				}
			}
		}
		if r.name != "sqlx_macros" {
			continue
		}
		if offline, _ := p.inv.Getenv("SQLX_OFFLINE"); offline == "true" || offline == "1" {
			continue
		}
		if _, ok := p.inv.Getenv("DATABASE_URL"); ok {
			return compile.Refuse(compile.ReasonMacro, r.name+": DATABASE_URL is set, and SQLX_OFFLINE is not true")
		}
		for _, dir := range parents(p.det.pkg) {
			if p.files.Exists(dir, ".env") {
				return compile.Refuse(compile.ReasonMacro, r.name+": "+dir+"/.env may name a database, and SQLX_OFFLINE is not true")
			}
		}
	}
	return nil
}

// traitsMemory remembers what libraries of macros can do, by content.
type traitsMemory struct {
	known *recent.Map[digest.Digest, judged]
}

type judged struct {
	traits procmacro.Traits
	err    error
}

const (
	maxTraits  = 2000
	maxLibrary = 1 << 28
)

// of judges the library at path. An error means that it is not understood.
func (m traitsMemory) of(path string, contentOf func(string) (digest.Digest, error), read func(string, int64) ([]byte, digest.Digest, error)) (procmacro.Traits, error) {
	d, err := contentOf(path)
	if err != nil {
		return procmacro.Traits{}, err
	}
	if j, ok := m.known.Get(d); ok {
		return j.traits, j.err
	}
	content, d, err := read(path, maxLibrary)
	if err != nil {
		return procmacro.Traits{}, err
	}
	var j judged
	j.traits, j.err = procmacro.Judge(content)
	m.known.Set(d, j)
	return j.traits, j.err
}
