package cc

import "bytes"

// In an assembly source every token may become a directive of the assembler, so all words that could be one, or a piece of one, are
// noted. Only what the preprocessor removes, comments, is left out: what else an assembler takes for a comment depends on the machine.

// fileDirectives are the directives, without their dot, by which an assembler reads a file. They count in upper case too.
var fileDirectives = [2]string{"incbin", "include"}

// directiveWords records from which pieces a text could put the name of such a directive together.
type directiveWords struct {
	glue   bool      // the text uses the assembler's macros: they replace \name anywhere in a word
	pieces [2]uint64 // bit from*8+to: fileDirectives[i][from:to] is a word
}

func (d *directiveWords) merge(other directiveWords) {
	d.glue = d.glue || other.glue
	for i := range fileDirectives {
		d.pieces[i] |= other.pieces[i]
	}
}

// made reports whether the pieces could make a directive, where something joins them.
func (d *directiveWords) made() bool {
	for i, name := range fileDirectives {
		reached := uint(1) // bit n: the first n characters can be put together
		for from := range name {
			for to := from + 1; to <= len(name); to++ {
				if reached&(1<<from) != 0 && d.pieces[i]&(1<<(from*8+to)) != 0 {
					reached |= 1 << to
				}
			}
		}
		if reached&(1<<len(name)) != 0 {
			return true
		}
	}
	return false
}

// directiveWord looks at a word of an assembly source; dotted says that a dot stands before it.
func (f *facts) directiveWord(word []byte, dotted bool) {
	const longest = len("altmacro") // of the words that mean something
	if len(word) > longest {
		return
	}
	var lower [longest]byte
	name := lower[:copy(lower[:], word)]
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		}
	}
	switch string(name) {
	case "macro", "irp":
		f.directives.glue = true
	case "irpc", "altmacro": // every character may be a piece
		f.asmFiles = true
	case "file", "linefile", "appfile":
		f.lineComputed = f.lineComputed || dotted
	}
	for i, directive := range fileDirectives {
		f.asmFiles = f.asmFiles || string(name) == directive
		for from := 0; from+len(name) <= len(directive) && len(name) < len(directive); from++ {
			if directive[from:from+len(name)] == string(name) {
				f.directives.pieces[i] |= 1 << (from*8 + from + len(name))
			}
		}
	}
}

// directiveText looks at all words of a part of an assembly source.
func (f *facts) directiveText(text []byte) {
	for i := 0; i < len(text); i++ {
		if class[text[i]] != letter {
			continue
		}
		start := i
		for i < len(text) && isName[text[i]] {
			i++
		}
		f.directiveWord(text[start:i], start > 0 && text[start-1] == '.')
	}
}

// scanAssembled reads a source that is not preprocessed. What an assembler takes for a comment there depends on the machine, so all of the
// text counts, and no name is put together from pieces where the text has macros: it just could be one.
func scanAssembled(text []byte) *facts {
	text = bytes.ToLower(text)
	has := func(word string) bool { return bytes.Contains(text, []byte(word)) }
	return &facts{
		asm:          true,
		asmFiles:     has("incbin") || has("include") || has("macro") || has("irp"),
		lineComputed: true, // compilers write .file and .loc
	}
}
