package cc

import "bytes"

// In an assembly source every token may become a directive of the assembler, so all words that could be one, or a piece of one, are
// noted. Only what the preprocessor removes, comments, is left out: what else an assembler takes for a comment depends on the machine.

// fileDirectives are the directives, without their dot, by which an assembler reads a file. They count in upper case too.
var fileDirectives = [2]string{"incbin", "include"}

// directiveWords records from which pieces a text could put the name of such a directive together: with ## or by the assembler's own macros,
// which replace \name anywhere in a word.
type directiveWords struct {
	glue   bool      // the text defines or uses the assembler's macros
	prefix [2]uint16 // bit n: the first n characters of fileDirectives[i] are a word
	suffix [2]uint16 // bit n: its last n characters are a word
}

func (d *directiveWords) merge(other directiveWords) {
	d.glue = d.glue || other.glue
	for i := range fileDirectives {
		d.prefix[i] |= other.prefix[i]
		d.suffix[i] |= other.suffix[i]
	}
}

// made reports whether the pieces could make a directive. As for timeWords, two pieces must make the whole of it; three must leave a gap
// between a telling start and a telling end.
func (d *directiveWords) made() bool {
	for i, name := range fileDirectives {
		for p := 1; p < len(name); p++ {
			if d.prefix[i]&(1<<p) == 0 {
				continue
			}
			for s := 1; p+s <= len(name); s++ {
				if d.suffix[i]&(1<<s) != 0 && (p+s == len(name) || p > 2 && s > 2) {
					return true
				}
			}
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
	case "macro", "irp", "irpc":
		f.directives.glue = true
	case "altmacro": // every character can be quoted there
		f.asmFiles = true
	case "file", "linefile", "appfile":
		f.lineComputed = f.lineComputed || dotted
	}
	for i, directive := range fileDirectives {
		switch n := len(name); {
		case n > len(directive):
		case n == len(directive):
			f.asmFiles = f.asmFiles || string(name) == directive
		default:
			if string(name) == directive[:n] {
				f.directives.prefix[i] |= 1 << n
			}
			if string(name) == directive[len(directive)-n:] {
				f.directives.suffix[i] |= 1 << n
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
