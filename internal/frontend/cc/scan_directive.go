package cc

import (
	"bytes"
	"slices"
	"strings"
)

// directive reads what follows a # at the start of a line. It stops after what it understood; the rest of the line is read
// as ordinary tokens.
func (l *lexer) directive() {
	l.skipBlanks()
	name := l.word()
	if len(name) > 0 && class[name[0]] == digit {
		l.lineName() // # 33 "name"
		return
	}
	switch string(name) {
	case "line":
		l.skipBlanks()
		if line := l.word(); len(line) > 0 && class[line[0]] != digit {
			l.facts.lineComputed = true
			return
		}
		l.lineName()
	case "include", "__include_macros":
		l.operand(kindInclude)
	case "include_next":
		l.operand(kindIncludeNext)
	case "import":
		l.operand(kindImport)
	case "embed":
		l.operand(kindEmbed)
	case "define":
		l.skipBlanks()
		l.defined, l.defining = l.i, true
		l.definedName()
	case "if", "elif":
		l.condition = true
	case "ifdef", "ifndef", "elifdef", "elifndef", "undef":
		l.skipBlanks()
		l.named = l.i
	case "pragma":
		l.skipBlanks()
		line := l.b[l.i:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		l.pragma(string(line))
	}
}

// lineName reads the name of a #line directive, whose number was read.
func (l *lexer) lineName() {
	l.skipBlanks()
	if l.i >= len(l.b) || l.b[l.i] == '\n' || bytes.HasPrefix(l.b[l.i:], []byte("//")) {
		return
	}
	name, ok := fileOperand(l.b[l.i:])
	switch {
	case bytes.HasPrefix(l.b[l.i:], []byte(`""`)):
	case !ok || l.b[l.i] != '"' || strings.ContainsAny(name, "\\\n"):
		l.facts.lineComputed = true
	case strings.HasPrefix(name, "/"):
		l.facts.addLine(name)
	}
}

// definedName notes a macro whose value is the name of a file, for computed includes.
func (l *lexer) definedName() {
	line := l.b[l.i:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	i := 0
	for i < len(line) && isName[line[i]] {
		i++
	}
	if name, ok := fileOperand(bytes.TrimLeft(line[i:], " \t")); ok && !slices.Contains(l.facts.defines, name) {
		l.facts.defines = append(l.facts.defines, name)
	}
}

// fileOperand returns what "name" or <name> at the start of text names.
func fileOperand(text []byte) (name string, ok bool) {
	if len(text) < 3 || text[0] != '"' && text[0] != '<' {
		return "", false
	}
	end := byte('"')
	if text[0] == '<' {
		end = '>'
	}
	k := bytes.IndexByte(text[1:], end)
	if k <= 0 {
		return "", false
	}
	return string(text[1 : 1+k]), true
}

// operand reads the operand of a directive that names a file.
func (l *lexer) operand(kind includeKind) {
	l.skipBlanks()
	if l.i >= len(l.b) || l.b[l.i] == '\n' {
		return
	}
	if !l.fileName(kind) {
		l.facts.computed = true
	}
}

// fileName reads "name" or <name> and reports whether one is here.
func (l *lexer) fileName(kind includeKind) bool {
	b, i := l.b, l.i
	var end byte
	switch b[i] {
	case '"':
		end = '"'
	case '<':
		end = '>'
	default:
		return false
	}
	rest := b[i+1:]
	if line := bytes.IndexByte(rest, '\n'); line >= 0 {
		rest = rest[:line]
	}
	k := bytes.IndexByte(rest, end)
	if k < 0 {
		return false
	}
	l.i = i + 1 + k + 1
	if k > 0 {
		l.facts.includes = append(l.facts.includes, include{kind: kind, angle: end == '>', name: string(rest[:k])})
	}
	return true
}

// pragmaOperator reads _Pragma("text"); a computed one is no concern, since only pragmas with a file name matter and those
// are not made by macros.
func (l *lexer) pragmaOperator() {
	at := l.i
	l.skipBlanks()
	if l.i < len(l.b) && l.b[l.i] == '(' {
		l.i++
		l.skipBlanks()
		if l.i < len(l.b) && l.b[l.i] == '"' {
			end := l.endQuoted(l.i+1, '"')
			text := strings.TrimSuffix(string(l.b[l.i+1:end]), `"`)
			l.pragma(strings.ReplaceAll(text, `\"`, `"`))
		}
	}
	l.i = at
}

// pragma looks at the text of a pragma.
func (l *lexer) pragma(text string) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == '(' || r < 128 && isBlank[byte(r)] })
	if len(words) == 0 {
		return
	}
	refuse := false
	switch words[0] {
	case "once":
		l.facts.once = true
	case "include_alias":
		refuse = true
	case "GCC", "clang":
		if len(words) > 1 {
			switch words[1] {
			case "dependency", "pch_preprocess", "module", "__debug":
				refuse = true
			}
		}
	}
	if refuse && l.facts.refuse == "" {
		l.facts.refuse = "#pragma " + strings.Join(words[:min(2, len(words))], " ")
	}
}
