package cc

import "bytes"

// hasInclude reads the operand of a __has_include whose name started at start. The bare name (in #ifdef and defined) has none. Where a macro
// that stands for it is used is for a second scan to find.
func (l *lexer) hasInclude(start int, kind includeKind) {
	if l.defined != 0 && start == l.defined {
		return
	}
	name, param := l.inDefine(start)
	l.skipBlanks()
	if l.i >= len(l.b) || l.b[l.i] != '(' {
		switch {
		case name == "" || l.i < len(l.b) && l.b[l.i] == ')':
		case kind == kindHas && param == "" && l.lineEnds() && len(bytes.TrimSpace(l.b[l.defined+len(name):start])) == 0:
			l.facts.addOperators([]operator{{name: name}})
		default:
			l.facts.computedHas = true
		}
		return
	}
	l.i++
	if l.skipBlanks(); l.i >= len(l.b) {
		return
	}
	at, c := l.i, l.b[l.i]
	switch {
	case c == '<' && param != "": // its words may be parameters
	case l.fileName(kind), c == ')', c == '\n':
		return
	case kind == kindHas && param != "" && string(l.word()) == param:
		if l.skipBlanks(); l.i < len(l.b) && l.b[l.i] == ')' {
			l.facts.addOperators([]operator{{name, true}})
			return
		}
	}
	l.i = at
	l.facts.computedHas = true
}

// operator reads the operand of a macro that stands for __has_include, if the name that started at start and was just read is one. What is
// neither its definition, nor a question whether it is defined, nor a use in a condition with the name of a file, may be anything. Between
// < and > an argument that is passed on is expanded first.
func (l *lexer) operator(start int, name string) {
	known, passes := false, false
	for _, op := range l.operators {
		known = known || op.name == name
		passes = passes || op == operator{name, true}
	}
	if !known || start != 0 && (start == l.defined || start == l.named) || l.asksDefined(start) {
		return
	}
	at := l.i
	if l.skipBlanks(); l.condition && l.i < len(l.b) && l.b[l.i] == '(' {
		l.i++
		if l.skipBlanks(); l.i < len(l.b) && (l.b[l.i] != '<' || !passes) && l.fileName(kindHas) {
			return
		}
	}
	l.i = at
	l.facts.computedHas = true
}

// asksDefined reports whether the name at start is the operand of defined.
func (l *lexer) asksDefined(start int) bool {
	line := l.b[bytes.LastIndexByte(l.b[:start], '\n')+1 : start]
	line = bytes.TrimRight(line, " \t")
	line = bytes.TrimRight(bytes.TrimSuffix(line, []byte("(")), " \t")
	rest, ok := bytes.CutSuffix(line, []byte("defined"))
	return ok && l.condition && (len(rest) == 0 || !isName[rest[len(rest)-1]])
}

// inDefine returns the macro in whose text an offset lies, with its parameter where it has one, and one only; "" where it lies in none.
func (l *lexer) inDefine(at int) (name, param string) {
	if l.defined == 0 || at <= l.defined || bytes.IndexByte(l.b[l.defined:at], '\n') >= 0 {
		return "", ""
	}
	text := l.b[l.defined:at]
	n := 0
	for n < len(text) && isName[text[n]] {
		n++
	}
	name = string(text[:n])
	if n < len(text) && text[n] == '(' {
		list, _, _ := bytes.Cut(text[n+1:], []byte(")"))
		if param = string(bytes.TrimSpace(list)); !isIdentifier(param) {
			param = "(" // which no argument is
		}
	}
	return name, param
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		if !isName[s[i]] || i == 0 && class[s[i]] == digit {
			return false
		}
	}
	return s != ""
}

// lineEnds reports whether nothing but blanks and comments is left of the line.
func (l *lexer) lineEnds() bool {
	at := l.i
	defer func() { l.i = at }()
	l.skipBlanks()
	return l.i >= len(l.b) || l.b[l.i] == '\n' || bytes.HasPrefix(l.b[l.i:], []byte("//"))
}
