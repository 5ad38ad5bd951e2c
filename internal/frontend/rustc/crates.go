package rustc

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// maxCrate bounds a crate's file that is searched for the names of what it loads.
const maxCrate = 1 << 30

// hashLen is the length of the hash that cargo puts into -C extra-filename, behind "-".
const hashLen = 16

// loaded finds the files of all crates that the compile will load: those of --extern, and those that the metadata of these
// names. Metadata lists all crates that were loaded when it was made, so one level is all levels. rustc takes the
// metadata beside a library where both are there.
func (p *parser) loaded() *compile.Decline {
	if len(p.externs) == 0 {
		return nil
	}
	seen := map[string]bool{}
	add := func(path string) {
		if !seen[path] {
			seen[path] = true
			p.det.crates = append(p.det.crates, path)
		}
	}
	wanted := map[string]bool{}
	for _, path := range p.externs {
		if base := filepath.Base(path); hashOf(base) == "" && !isPlainCrate(base) {
			if d := p.externDylib(path); d != nil {
				return d
			}
		}
		add(path)
		metadata := path
		if stem, ok := strings.CutSuffix(path, ".rlib"); ok {
			// A library's metadata lies beside it, as a file that is read sooner.
			if info, err := p.files.Stat(stem + ".rmeta"); err == nil && info.IsRegular() {
				metadata = stem + ".rmeta"
				add(metadata)
			}
		}
		var hashes []string
		var err error
		switch {
		case !isShared(metadata):
			hashes, err = p.f.loads(metadata, p.files.Digest, p.files.Read)
		case !p.isMacro(metadata): // what a macro was made of is in its content
			hashes, err = p.dylib(metadata)
		}
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		for _, h := range hashes {
			wanted[h] = true
		}
	}
	var plain []string // shared libraries without a hash
	for _, dir := range p.det.crateDirs {
		names, err := p.files.Names(dir)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		metadata, libraries := map[string]bool{}, map[string]bool{}
		for _, name := range names {
			if stem, ok := strings.CutSuffix(name, ".rmeta"); ok {
				metadata[stem] = true
			} else if stem, ok := strings.CutSuffix(name, ".rlib"); ok {
				libraries[stem] = true
			}
		}
		for _, name := range names {
			path := filepath.Join(dir, name)
			if isShared(name) && hashOf(name) == "" {
				// Cargo gives such names to members' shared libraries. A macro of such a name is somebody else's: whether it is loaded, no metadata tells.
				if traits, err := p.f.traits.of(path, p.files.Digest, p.files.Read); err == nil && traits.Macro {
					return compile.Refuse(compile.ReasonMacro, path+" has no hash in its name")
				}
				plain = append(plain, path)
			}
			if !wanted[hashOf(name)] {
				continue
			}
			if isShared(name) && libraries[strings.TrimSuffix(name, filepath.Ext(name))] && !p.mayBeCrate(path) {
				continue
			}
			stem, ok := strings.CutSuffix(name, ".rlib")
			// Whatever takes code from a library depends on more than its metadata says: on the native libraries in it.
			code := p.det.link != nil || p.det.archives
			if strings.HasSuffix(name, ".rmeta") || ok && (code || !metadata[stem]) || isShared(name) {
				if d := p.known(path); d != nil {
					return d
				}
				add(path)
			}
		}
	}
	for _, path := range plain {
		own := func(o compile.Output) bool { return o.Path == path }
		if _, err := p.dylib(path); err != nil || slices.ContainsFunc(p.c.Outputs, own) {
			continue // no crate's, or of an earlier compile of this one
		}
		loaded, err := p.spelled(macroOf(path))
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		if loaded {
			add(path)
		}
	}
	return p.macros()
}

// isPlainCrate reports whether a name is that of a library whose file bears no hash: cargo calls so what a member makes beside a shared
// library. Who names such a one directly depends on it by content. Who loads it only through another, whose metadata tells
// nothing of it, depends on its metadata through the hash of that other one's, and links its code, which the linker lists.
func isPlainCrate(base string) bool {
	return strings.HasPrefix(base, "lib") && (strings.HasSuffix(base, ".rlib") || strings.HasSuffix(base, ".rmeta"))
}

// plainCrates returns the libraries of that kind in the directories of crates.
func (g *gathering) plainCrates() ([]string, error) {
	var found []string
	for _, dir := range g.d.crateDirs {
		names, err := g.files.Names(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if path := filepath.Join(dir, name); strings.HasSuffix(name, ".rlib") && hashOf(name) == "" && path != g.d.rlib {
				found = append(found, path)
			}
		}
	}
	return found, nil
}

// known refuses what is no plain file.
func (p *parser) known(path string) *compile.Decline {
	if info, err := p.files.Stat(path); err != nil || !info.IsRegular() {
		return compile.Refuse(compile.ReasonInput, path)
	}
	return nil
}

// isShared reports whether a file is a shared library: a procedural macro, or a dylib, whose crates may be macros too.
func isShared(name string) bool {
	switch filepath.Ext(name) {
	case ".so", ".dylib", ".dll":
		return true
	}
	return false
}

// hashOf returns the hash in the name of a crate's file, libNAME-HASH.EXT, "" where there is none.
func hashOf(base string) string {
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	at := len(stem) - hashLen
	if at < 1 || stem[at-1] != '-' || !isHash(stem[at:]) || !isShared(base) && !strings.HasPrefix(base, "lib") {
		return ""
	}
	return stem[at:]
}

func isHash(s string) bool {
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return len(s) == hashLen
}

// loads returns the hashes of the crates that a crate's metadata names.
func (f *Frontend) loads(path string, contentOf func(string) (digest.Digest, error), read func(string, int64) ([]byte, digest.Digest, error)) ([]string, error) {
	d, err := contentOf(path)
	if err != nil {
		return nil, err
	}
	if known, ok := f.crates.Get(d); ok {
		return known, nil
	}
	content, d, err := read(path, maxCrate)
	if err != nil {
		return nil, err
	}
	hashes := namedCrates(content)
	if own := hashOf(filepath.Base(path)); own != "" && !slices.Contains(hashes, own) {
		// Metadata names its own crate too: what does not is none as we know it.
		return nil, fmt.Errorf("%s does not name its own crate", path)
	} else if own == "" && !bytes.Contains(content, []byte("rust\x00\x00\x00")) {
		return nil, fmt.Errorf("%s holds no metadata", path)
	}
	f.crates.Set(d, hashes)
	return hashes, nil
}

// namedCrates finds the extra-filenames in metadata: strings of 17 bytes, their length before them and 0xc1 behind, as rustc writes
// them since 2022. What looks like one and is none does no harm, since no file bears its name.
func namedCrates(content []byte) []string {
	var hashes []string
	seen := map[string]bool{}
	before, after := []byte("\x11-"), byte(0xc1)
	for {
		i := bytes.Index(content, before)
		if i < 0 {
			return hashes
		}
		content = content[i+len(before):]
		if len(content) <= hashLen || content[hashLen] != after {
			continue
		}
		if h := string(content[:hashLen]); isHash(h) && !seen[h] {
			seen[h] = true
			hashes = append(hashes, h)
		}
	}
}

// crateMemory remembers something of crates, by content.
type crateMemory = recent.Map[digest.Digest, []string]

func newCrateMemory() *crateMemory { return recent.New[digest.Digest, []string](20_000) }
