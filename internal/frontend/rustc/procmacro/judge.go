// Package procmacro tells from a shared library's bytes what a procedural macro can do besides turning tokens into tokens: read
// variables, read files, or what no key covers.
//
// # How it is told
//
// A macro library is an ELF file that holds Rust's standard library, so the functions of the C library that it imports say little:
// each macro can panic, a panic prints a backtrace, and for that variables and files are read. What matters is what the
// macro's own code reaches. The symbol table names all functions; their code is searched for references to other functions and to imports
// (graph.go, x86-64 only), and the graph is followed from everything but the standard library's own functions, stopping at
// the machinery of panics, of hash tables' random seeds and of standard error (names.go). The imports that are reached decide.
//
// Every error of this is to one side: a reference that is none, a function that is never called, a name that is not understood make a
// macro look as if it could do more. So does optimized code that is handed what stat says of a file: which part of it counts nobody sees (state.go). Only
// system calls written in assembly are not seen. Where there is no symbol table, or another machine, the macro is taken to read
// files and variables, and what it imports beyond that refuses it, but for random numbers: hash tables are seeded with such.
//
// Functions may be called from many goroutines; nothing is kept.
package procmacro

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Traits is what a shared library can do.
type Traits struct {
	Macro      bool // it holds procedural macros; otherwise nothing else is filled in
	Traced     bool // told by what its code reaches, not by its imports alone
	Variables  bool // it may read variables
	Files      bool // it may read files and directories, and where it is
	Manifests  bool // it may read the manifests of its user's package and workspace, where Files does not say more
	Places     bool // it may ask where sources lie, maps of paths notwithstanding
	Repository bool // it names git's directory
	// Refused is what it may do that no key covers, with how that is reached: "starts programs (execvp of demo::run)"; "" for nothing.
	Refused   string
	TimesOnly bool // Refused is for times of files, seen or (in optimized code) possible, and for nothing else

	texts texts
}

// decls begins the name of the table by which rustc finds a library's macros.
const decls = "__rustc_proc_macro_decls_"

// Judge reads a shared library. An error means that it is none that is understood.
func Judge(content []byte) (t Traits, err error) {
	// debug/elf has no panics known; a library is somebody's bytes nevertheless.
	defer func() {
		if p := recover(); p != nil {
			t, err = Traits{}, fmt.Errorf("read library: %v", p)
		}
	}()
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return Traits{}, fmt.Errorf("read library: %w", err)
	}
	if f.Class != elf.ELFCLASS64 || f.ByteOrder.String() != "LittleEndian" {
		return Traits{}, errors.New("read library: not of 64 bits, little end first")
	}
	dynamic, err := f.DynamicSymbols()
	if err != nil {
		return Traits{}, fmt.Errorf("read library: %w", err)
	}
	for _, s := range dynamic {
		if s.Section != elf.SHN_UNDEF && strings.HasPrefix(s.Name, decls) {
			t.Macro = true
		}
	}
	if !t.Macro {
		return t, nil
	}
	t.texts = readTexts(f)
	t.Repository = namesRepository(f)
	t.Places = true
	uses := importsAlone(dynamic)
	if g := newGraph(f, dynamic); g != nil {
		t.Traced, t.Places = true, false
		uses = g.reached()
	}
	t.take(uses, libraries(f))
	return t, nil
}

// use is one import, or another thing, that the macro can reach.
type use struct {
	name string
	from string // the function that refers to it, for people; "" where it is not known
}

// importsAlone lists all imports.
func importsAlone(dynamic []elf.Symbol) []use {
	var all []use
	for _, s := range dynamic {
		if s.Section == elf.SHN_UNDEF && s.Name != "" && !ofPanics[s.Name] {
			all = append(all, use{name: s.Name})
		}
	}
	return all
}

// ofPanics are imports without which no macro is, though few use them, and getrandom, by which hash tables are seeded: it is in every library
// that has one, and what a macro makes of random numbers is as good as what it makes next time.
var ofPanics = set("syscall", "write", "writev", "dlsym", "getrandom")

// systemLibraries are what Rust's standard library itself asks for.
var systemLibraries = set("libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2",
	"librt.so.1", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so")

// libraries returns a library, other than the system's, that is loaded with this one: its code is not seen. "" for none.
func libraries(f *elf.File) string {
	names, err := f.ImportedLibraries()
	if err != nil {
		return "unknown libraries"
	}
	for _, name := range names {
		if !systemLibraries[name] {
			return name
		}
	}
	return ""
}

// take fills in what the uses come to.
func (t *Traits) take(uses []use, library string) {
	var refused, odd []string
	times := 0
	for _, u := range uses {
		switch what := effectOf(u.name); what {
		case harmless:
		case readsVariables:
			t.Variables = true
		case readsFiles:
			t.Files = true
		case readsManifests:
			t.Manifests = true
		case asksPlaces:
			t.Places = true
		default:
			text := what + " (" + u.name + ")"
			if u.from != "" {
				text = what + " (" + u.name + " of " + u.from + ")"
			}
			switch what {
			case unknown:
				odd = append(odd, text)
			case fileTimes, fileState:
				times++
				fallthrough
			default:
				refused = append(refused, text)
			}
		}
	}
	if library != "" {
		refused = append(refused, "loads "+library)
	}
	// The plainest first, and always the same.
	slices.Sort(refused)
	slices.Sort(odd)
	if refused = append(refused, odd...); len(refused) > 0 {
		t.Refused, t.TimesOnly = refused[0], len(refused) == times
	}
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
