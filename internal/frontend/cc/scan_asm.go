package cc

import (
	"bytes"
	"strconv"
)

// An assembler reads files too: .incbin and .include. gcc's assembler says which (--MD); clang's does not, so its front-end
// must find every text that could become such a directive. Text reaches the assembler through string literals, joined with
// their neighbours, by macros and by stringification.

// literal takes the content of a string literal.
func (l *lexer) literal(content []byte) {
	if l.assembly {
		l.facts.directiveText(assemblerText(content))
	}
	l.joined = append(l.joined, content...)
	if l.asmDepth > 0 {
		l.asmText = append(l.asmText, content...)
		if endsInDirective(content) {
			l.asmEnds = true
		}
	}
}

// endString is called at every token that is no string literal.
func (l *lexer) endString() {
	if len(l.joined) == 0 {
		return
	}
	text := assemblerText(l.joined)
	if bytes.Contains(text, []byte("incbin")) || bytes.Contains(text, []byte(".include")) {
		l.facts.asmFiles = true
	}
	l.joined = l.joined[:0]
}

func (l *lexer) asmParen(open bool) {
	switch {
	case open && l.asmDepth < 0:
		l.asmDepth, l.asmText, l.asmEnds, l.asmNames = 1, l.asmText[:0], false, false
	case open:
		l.asmDepth++
	case l.asmDepth < 0:
		l.asmDepth = 0
	default:
		if l.asmDepth--; l.asmDepth == 0 {
			l.endAsm()
		}
	}
}

// asmName takes a name between an asm keyword and the end of its parentheses.
func (l *lexer) asmName(name []byte) {
	if l.asmDepth > 0 {
		l.asmNames = true
		return
	}
	switch string(name) {
	case "asm", "__asm", "__asm__", "volatile", "__volatile", "__volatile__", "inline", "__inline", "__inline__", "goto":
	default:
		// Some declaration's asm label by macro, or no asm at all.
		l.asmDepth = 0
	}
}

func (l *lexer) endAsm() {
	text := assemblerText(l.asmText)
	has := func(s string) bool { return bytes.Contains(text, []byte(s)) }
	switch {
	case has("incbin"), has("include"):
		l.facts.asmFiles = true
	case l.asmEnds && l.asmNames:
		l.facts.asmFiles = true
	case has("inc") && (has(".macro") || has(".irp")):
		// The assembler's own macros can put a directive's name together.
		l.facts.asmFiles = true
	}
	l.asmDepth, l.asmText = 0, l.asmText[:0]
}

// endsInDirective reports whether a literal ends with the start of .incbin or .include, longer than the dot.
func endsInDirective(content []byte) bool {
	dot := bytes.LastIndexByte(content, '.')
	if dot < 0 || dot == len(content)-1 {
		return false
	}
	tail := string(bytes.ToLower(content[dot:]))
	return len(tail) < len(".incbin") && tail == ".incbin"[:len(tail)] || len(tail) < len(".include") && tail == ".include"[:len(tail)]
}

// assemblerText returns a literal's content as the assembler compares it: numeric escapes resolved, in lower case.
func assemblerText(content []byte) []byte {
	if bytes.IndexByte(content, '\\') < 0 {
		return bytes.ToLower(content)
	}
	out := make([]byte, 0, len(content))
	for i := 0; i < len(content); i++ {
		if content[i] != '\\' || i+1 >= len(content) {
			out = append(out, content[i])
			continue
		}
		start, end, base := i+1, i+1, 8
		switch content[start] {
		case 'x', 'u', 'U':
			base = 16
			start++
			end = start
			for end < len(content) && isHex(content[end]) {
				end++
			}
		default:
			for end < len(content) && end < start+3 && content[end] >= '0' && content[end] <= '7' {
				end++
			}
		}
		if n, err := strconv.ParseUint(string(content[start:end]), base, 32); err == nil && n < 128 {
			out = append(out, byte(n))
			i = end - 1
			continue
		}
		out = append(out, content[i], content[i+1])
		i++
	}
	return bytes.ToLower(out)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
