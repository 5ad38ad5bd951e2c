package rustc

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// A dylib is a shared library that other crates are compiled against. Its metadata, which names all crates that it was made of, lies in a section
// of its own, as it is (earlier versions of rustc compress it: then it is not understood). Procedural macros among these crates are loaded
// with it, so they are looked for by their hashes like others.
//
// Cargo gives the dylib of a member a name without a hash. Who names it directly depends on it by content. Who loads it through another crate is
// pinned to its metadata by that one's, which holds the hash of it, and to its code by the linker's list; it is an input all the same where
// that one's metadata spells its name, since assembly and names of variables are looked for in it.

// errNoDylib says that a shared library, or the linker script in its place, holds no metadata: rustc loads none such.
var errNoDylib = errors.New("no metadata")

// metadataMark begins metadata; the version of the format follows.
var metadataMark = []byte("rust\x00\x00\x00")

// dylibMetadata returns the metadata in a shared library.
func dylibMetadata(content []byte) (metadata []byte, err error) {
	defer func() { // as in procmacro.Judge
		if p := recover(); p != nil {
			metadata, err = nil, fmt.Errorf("read library: %v", p)
		}
	}()
	if start := content[:min(len(content), 512)]; bytes.IndexByte(start, 0) < 0 {
		return nil, errNoDylib // a text; the headers of all formats have zeros
	}
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("read library: %w", err)
	}
	section := f.Section(".rustc")
	if section == nil {
		return nil, errNoDylib
	}
	data, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("read library: %w", err)
	}
	const head = 16 // mark, version and length
	if len(data) < head || !bytes.HasPrefix(data, metadataMark) || !bytes.HasPrefix(data[head:], metadataMark) {
		return nil, errors.New("its metadata is compressed")
	}
	return data[head:], nil
}

// notUnderstood is what is remembered of a shared library that is no dylib as we know them.
const notUnderstood = "-"

// dylib returns the hashes of the crates that a dylib was made of. An error says why it is none, or none that is understood.
func (p *parser) dylib(path string) ([]string, error) {
	d, err := p.files.Digest(path)
	if err != nil {
		return nil, err
	}
	hashes, known := p.f.dylibs.Get(d)
	if !known {
		content, d, err := p.files.Read(path, maxLibrary)
		if err != nil {
			return nil, err
		}
		if metadata, err := dylibMetadata(content); err != nil {
			hashes = []string{notUnderstood + err.Error()}
		} else {
			hashes = namedCrates(metadata)
		}
		p.f.dylibs.Set(d, hashes)
	}
	if len(hashes) == 1 && hashes[0] == notUnderstood+errNoDylib.Error() {
		return nil, fmt.Errorf("%s: %w", path, errNoDylib)
	}
	if len(hashes) == 1 && hashes[0][:1] == notUnderstood {
		return nil, fmt.Errorf("%s: %s", path, hashes[0][1:])
	}
	if own := hashOf(filepath.Base(path)); own != "" && !slices.Contains(hashes, own) {
		return nil, fmt.Errorf("%s does not name its own crate", path)
	}
	return hashes, nil
}

// mayBeCrate reports whether a shared library holds metadata, or nobody can tell. One for other languages (cdylib) has none.
func (p *parser) mayBeCrate(path string) bool {
	_, err := p.dylib(path)
	return !errors.Is(err, errNoDylib)
}

// isMacro reports whether a shared library holds macros, or nobody can tell.
func (p *parser) isMacro(path string) bool {
	traits, err := p.f.traits.of(path, p.files.Digest, p.files.Read)
	return err != nil || traits.Macro
}

// externDylib checks a shared library without a hash in its name that is named directly.
func (p *parser) externDylib(path string) *compile.Decline {
	if !isShared(path) || p.isMacro(path) {
		return compile.Refuse(compile.ReasonOption, "--extern "+path+" without a hash in its name")
	}
	return nil
}

// spelled reports whether one of the crates spells the name of another as metadata spells names: its length before, and 0xc1 behind.
func (p *parser) spelled(name string) (bool, error) {
	if len(name) > 127 {
		return true, nil
	}
	text := slices.Concat([]byte{byte(len(name))}, []byte(name), []byte{0xc1})
	for _, path := range p.det.crates {
		d, err := p.files.Digest(path)
		if err != nil {
			return false, err
		}
		known, _ := p.f.spells.Get(d)
		if slices.Contains(known, "+"+name) {
			return true, nil
		}
		if slices.Contains(known, "-"+name) {
			continue
		}
		content, d, err := p.files.Read(path, maxCrate)
		if err != nil {
			return false, err
		}
		found := bytes.Contains(content, text)
		sign := "-"
		if found {
			sign = "+"
		}
		p.f.spells.Set(d, append(slices.Clone(known), sign+name))
		if found {
			return true, nil
		}
	}
	return false, nil
}
