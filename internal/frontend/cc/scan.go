package cc

import (
	"bytes"
	"slices"

	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/recent"
)

// facts is what one source file says that matters to its users, whatever the macros are: a lexical scan cannot know which
// branch of a conditional is taken, so it reports both.
type facts struct {
	includes []include

	defines []string // file names that are values of macros

	computed    bool       // an #include or #embed whose operand is a macro
	computedHas bool       // a __has_include or __has_embed whose operand is a macro
	operators   []operator // macros that stand for __has_include
	once        bool       // #pragma once
	refuse      string     // a directive that no key can cover, "" for none
	modules     bool       // a C++20 module or import declaration
	asm         bool       // an asm keyword
	asmFiles    bool       // text that could make an assembler read a file
	fileNames   bool       // __FILE__ or another way to the spelling of a path
	callerFile  bool       // __builtin_FILE; fileNames is set, too
	location    bool       // source_location; fileNames is set, too
	paste       bool       // the ## operator

	directives directiveWords // of an assembly source

	lines        []string // absolute paths that #line gives
	lineComputed bool     // a #line whose name is a macro or holds escapes, or one of the assembler's directives that name files

	time timeWords
}

// include is one name that a file looks for.
type include struct {
	kind  includeKind
	angle bool // <name>, else "name"
	name  string
}

type includeKind uint8

const (
	kindInclude includeKind = iota
	kindIncludeNext
	kindImport
	kindEmbed
	kindHas
	kindHasNext
	kindHasEmbed
)

// operator is a macro that stands for __has_include, as in xxhash (#define XXH_HAS_INCLUDE __has_include), or passes its argument on, as in
// fmt (#define FMT_HAS_INCLUDE(x) __has_include(x)).
type operator struct {
	name   string
	passes bool
}

// merge adds what other says.
func (f *facts) merge(other *facts) {
	for _, in := range other.includes {
		if !slices.Contains(f.includes, in) {
			f.includes = append(f.includes, in)
		}
	}
	for _, name := range other.defines {
		if !slices.Contains(f.defines, name) {
			f.defines = append(f.defines, name)
		}
	}
	f.computed = f.computed || other.computed
	f.computedHas = f.computedHas || other.computedHas
	f.addOperators(other.operators)
	f.once = f.once || other.once
	if f.refuse == "" {
		f.refuse = other.refuse
	}
	f.modules = f.modules || other.modules
	f.asm = f.asm || other.asm
	f.asmFiles = f.asmFiles || other.asmFiles
	f.fileNames = f.fileNames || other.fileNames
	f.callerFile = f.callerFile || other.callerFile
	f.location = f.location || other.location
	f.paste = f.paste || other.paste
	for _, name := range other.lines {
		f.addLine(name)
	}
	f.lineComputed = f.lineComputed || other.lineComputed
	f.directives.merge(other.directives)
	f.time.merge(other.time)
}

// addOperators adds macros, each once.
func (f *facts) addOperators(all []operator) {
	for _, op := range all {
		if !slices.Contains(f.operators, op) {
			f.operators = append(f.operators, op)
		}
	}
}

// addLine adds a name that #line gives, once: generated sources name theirs a thousand times.
func (f *facts) addLine(name string) {
	if !slices.Contains(f.lines, name) {
		f.lines = append(f.lines, name)
	}
}

// scan reads a source file's text. Where the text reads differently in different dialects of C and C++ (trigraphs, raw
// strings, digit separators) it is read in each way and the answers are united, so the facts hold in all of them.
//
// operators are macros that some other file makes stand for __has_include: their uses are read as such.
func scan(text []byte, operators ...operator) *facts { return scanAs(text, false, operators) }

// scanAs is scan for a text that is part of an assembly source, or not. The preprocessor reads both alike (where a quote has no partner, the
// rest of its line is one token), but for lines that start with # and are no directive: an assembler's comments.
func scanAs(text []byte, assembly bool, operators []operator) *facts {
	if loneReturn(text) {
		// clang ends a line there and gcc does not.
		return &facts{refuse: "carriage return within a line"}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // a byte order mark is before the first line
	united := &facts{asm: assembly}
	texts := [][]byte{text}
	if plain := replaceTrigraphs(text); plain != nil {
		texts = append(texts, plain)
	}
	for _, t := range texts {
		joined, seams := joinLines(t)
		l := lexer{b: joined, seams: seams, assembly: assembly, operators: operators, rawStrings: true, digitQuotes: true, facts: united}
		l.run()
		sawRaw, sawQuotes := l.sawRaw, l.sawDigitQuote
		if sawRaw || sawQuotes {
			for way := range 3 {
				other := &facts{}
				l := lexer{b: joined, seams: seams, assembly: assembly, operators: operators, rawStrings: way&1 != 0, digitQuotes: way&2 != 0, facts: other}
				l.run()
				united.merge(other)
			}
		}
	}
	return united
}

// loneReturn reports whether text has a carriage return that is not followed by a newline.
func loneReturn(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '\r')
		if i < 0 {
			return false
		}
		if i+1 >= len(text) || text[i+1] != '\n' {
			return true
		}
		text = text[i+2:]
	}
}

// replaceTrigraphs returns text with its trigraphs replaced, or nil where it has none.
func replaceTrigraphs(text []byte) []byte {
	const third, means = "=/'()!<>-", `#\^[]|{}~`
	if !bytes.Contains(text, []byte("??")) {
		return nil
	}
	out := make([]byte, 0, len(text))
	found := false
	for i := 0; i < len(text); i++ {
		if text[i] == '?' && i+2 < len(text) && text[i+1] == '?' {
			if at := bytes.IndexByte([]byte(third), text[i+2]); at >= 0 {
				out = append(out, means[at])
				found = true
				i += 2
				continue
			}
		}
		out = append(out, text[i])
	}
	if !found {
		return nil
	}
	return out
}

// joinLines removes line splices: a backslash, blanks and a newline. seams are the offsets in the joined text where
// something was removed, in order; raw strings undo splices, so their ends must not lie across one.
func joinLines(text []byte) (joined []byte, seams []int) {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], '\\')
		if i < 0 {
			if joined == nil {
				return text, nil
			}
			return append(joined, text[from:]...), seams
		}
		i += from
		end := i + 1
		for end < len(text) && isBlank[text[end]] {
			end++
		}
		if end < len(text) && text[end] == '\n' {
			if joined == nil {
				joined = make([]byte, 0, len(text))
			}
			joined = append(joined, text[from:i]...)
			seams = append(seams, len(joined))
			from = end + 1
			continue
		}
		// Not a splice. The whole of text[from:] is looked at again only from here on.
		if joined == nil {
			joined = make([]byte, 0, len(text))
		}
		joined = append(joined, text[from:end]...)
		from = end
	}
}

// scanMemory remembers the facts of texts by digest: of 16,384 headers, a few hundred bytes each.
type scanMemory = recent.Map[digest.Digest, *facts]

func newScanMemory() *scanMemory { return recent.New[digest.Digest, *facts](16_384) }
