package cc

import "bytes"

// lexer reads one text, its splices removed, and fills facts. It knows as much of C and C++ as it takes never to mistake
// the inside of a comment, string or character constant for code, or the other way round.
type lexer struct {
	b     []byte
	i     int
	seams []int
	facts *facts

	assembly  bool       // the words of directives count
	operators []operator // see scan

	rawStrings    bool // R"x(...)x" is one string
	digitQuotes   bool // 1'000 is one number
	sawRaw        bool
	sawDigitQuote bool

	defined   int  // offset of the name that #define is defining, else 0
	named     int  // offset of the name that #ifdef, #undef or the like looks at, else 0
	condition bool // in the line of an #if or #elif
	defining  bool // in that of a #define

	// Adjacent string literals are one string to the compiler.
	joined []byte
	// Within the parentheses of an asm all literals may end up in one text.
	asmDepth int // 0: none, -1: keyword seen, else open parentheses
	asmText  []byte
	asmEnds  bool // a literal ends within what could become a directive's name
	asmNames bool // something besides literals is there: macros
}

// What a byte may start.
const (
	other = iota
	blank
	newline
	letter
	digit
	slash
	quote
	apostrophe
	hash
	percent
	paren
)

var (
	class   [256]uint8
	isBlank [256]bool
	isName  [256]bool // letters, digits, underscore
	// telling marks the first letters of names that mean something; names that end with an underscore are looked at anyway.
	telling [256]bool
)

func init() {
	for _, c := range " \t\v\f\r\x00" { // both compilers skip NUL
		class[c], isBlank[c] = blank, true
	}
	for c := 'a'; c <= 'z'; c++ {
		class[c], class[c-'a'+'A'] = letter, letter
		isName[c], isName[c-'a'+'A'] = true, true
	}
	class['_'], isName['_'] = letter, true
	for c := '0'; c <= '9'; c++ {
		class[c], isName[c] = digit, true
	}
	class['\n'] = newline
	class['/'] = slash
	class['"'] = quote
	class['\''] = apostrophe
	class['#'] = hash
	class['%'] = percent
	class['('], class[')'] = paren, paren
	for _, c := range "_asimeDT" {
		telling[c] = true
	}
}

func (l *lexer) run() {
	b := l.b
	lineStart := true
	for l.i < len(b) {
		i := l.i
		switch class[b[i]] {
		case other:
			i++
			for i < len(b) && class[b[i]] == other {
				i++
			}
			l.i = i
			lineStart = false
			l.endString()
		case blank:
			l.i++
		case newline:
			l.i++
			lineStart = true
			l.condition, l.defining = false, false
		case letter:
			j := i + 1
			for j < len(b) && isName[b[j]] {
				j++
			}
			l.i = j
			if telling[b[i]] || b[j-1] == '_' {
				l.name(i, j, lineStart)
			}
			if l.assembly {
				l.facts.directiveWord(b[i:j], i > 0 && b[i-1] == '.')
			}
			if len(l.operators) > 0 {
				l.operator(i, string(b[i:j]))
			}
			if l.asmDepth != 0 {
				l.asmName(b[i:j])
			}
			lineStart = false
			if j < len(b) && b[j] == '"' && b[j-1] == 'R' && isRawPrefix(b[i:j]) {
				l.rawString()
				continue
			}
			if j >= len(b) || b[j] != '"' {
				l.endString()
			}
		case digit:
			l.number()
			if l.assembly {
				l.facts.directiveText(b[i:l.i])
			}
			lineStart = false
			l.endString()
		case slash:
			if !l.comment() {
				l.i++
				lineStart = false
				l.endString()
			}
		case quote:
			l.str()
			lineStart = false
		case apostrophe:
			l.i = l.endQuoted(i+1, '\'')
			if l.assembly {
				l.facts.directiveText(b[i:l.i]) // 'a is one character; what follows is code
			}
			lineStart = false
			l.endString()
		case hash:
			l.endString()
			if lineStart {
				l.i++
				l.directive()
			} else {
				if i+1 < len(b) && b[i+1] == '#' {
					l.facts.paste = l.facts.paste || l.defining || !l.assembly // elsewhere it is a comment
					l.i++
				}
				l.i++
			}
			lineStart = false
		case percent:
			l.endString()
			l.i++
			if i+1 < len(b) && b[i+1] == ':' {
				l.i++
				if lineStart {
					l.directive()
				} else if bytes.HasPrefix(b[l.i:], []byte("%:")) {
					l.facts.paste = true
					l.i += 2
				}
			}
			lineStart = false
		case paren:
			l.i++
			lineStart = false
			l.endString()
			if l.asmDepth != 0 {
				l.asmParen(b[i] == '(')
			}
		}
	}
	l.endString()
	if l.asmDepth > 0 {
		l.endAsm()
	}
}

// comment skips a comment that starts here and reports whether one does.
func (l *lexer) comment() bool {
	b, i := l.b, l.i
	if i+1 >= len(b) {
		return false
	}
	switch b[i+1] {
	case '/':
		if end := bytes.IndexByte(b[i:], '\n'); end >= 0 {
			l.i = i + end
		} else {
			l.i = len(b)
		}
		return true
	case '*':
		for j := i + 2; ; {
			k := bytes.IndexByte(b[j:], '/')
			if k < 0 {
				l.i = len(b)
				return true
			}
			j += k + 1
			if b[j-2] == '*' && j-2 >= i+2 {
				l.i = j
				return true
			}
		}
	}
	return false
}

// skipBlanks skips blanks and comments that end on the same line, or not: a comment is a blank.
func (l *lexer) skipBlanks() {
	for l.i < len(l.b) {
		switch c := l.b[l.i]; {
		case isBlank[c]:
			l.i++
		case c == '/':
			if bytes.HasPrefix(l.b[l.i:], []byte("//")) || !l.comment() {
				return
			}
		default:
			return
		}
	}
}

// word returns the name that starts here, "" for none.
func (l *lexer) word() []byte {
	start := l.i
	for l.i < len(l.b) && isName[l.b[l.i]] {
		l.i++
	}
	return l.b[start:l.i]
}

// number skips a preprocessing number.
func (l *lexer) number() {
	b, j := l.b, l.i+1
	for j < len(b) {
		switch {
		case isName[b[j]] || b[j] == '.':
			j++
			continue
		case b[j] == '\'' && j+1 < len(b) && isName[b[j+1]]:
			l.sawDigitQuote = true
			if l.digitQuotes {
				j += 2
				continue
			}
		}
		break
	}
	l.i = j
}

// endQuoted returns the offset after the closing quote, or that of the newline where there is none: both compilers then
// take the rest of the line for one bad token.
func (l *lexer) endQuoted(i int, quote byte) int {
	for b := l.b; i < len(b); i++ {
		switch b[i] {
		case quote:
			return i + 1
		case '\\':
			if i+1 < len(b) && b[i+1] != '\n' {
				i++
			}
		case '\n':
			return i
		}
	}
	return len(l.b)
}

// str reads an ordinary string literal.
func (l *lexer) str() {
	start := l.i + 1
	l.i = l.endQuoted(start, '"')
	end := l.i
	if end > start && l.b[end-1] == '"' {
		end--
	}
	l.literal(l.b[start:end])
}

func isRawPrefix(p []byte) bool {
	switch string(p) {
	case "R", "LR", "uR", "UR", "u8R":
		return true
	}
	return false
}

// rawString reads a raw string whose opening quote is here; where it is none, or raw strings are not known, it is left to be
// read as an ordinary one.
func (l *lexer) rawString() {
	b := l.b
	open := l.i + 1
	paren := open
	for paren < len(b) && paren-open <= 16 && b[paren] != '(' {
		switch b[paren] {
		case ' ', ')', '\\', '\t', '\v', '\f', '\n', '"':
			return
		}
		paren++
	}
	if paren >= len(b) || b[paren] != '(' {
		return
	}
	l.sawRaw = true
	if !l.rawStrings {
		return
	}
	end := append(append([]byte(")"), b[open:paren]...), '"')
	for from := paren + 1; ; {
		k := bytes.Index(b[from:], end)
		if k < 0 {
			l.i = len(b)
			l.literal(b[paren+1:])
			return
		}
		k += from
		if !l.spliced(k, k+len(end)) {
			l.i = k + len(end)
			l.literal(b[paren+1 : k])
			return
		}
		from = k + 1
	}
}

// spliced reports whether a splice was removed within b[start:end].
func (l *lexer) spliced(start, end int) bool {
	for _, seam := range l.seams {
		if seam > start && seam < end {
			return true
		}
	}
	return false
}

// name looks at the telling name b[start:end].
func (l *lexer) name(start, end int, lineStart bool) {
	f, name := l.facts, l.b[start:end]
	switch string(name) {
	case "__has_include":
		l.hasInclude(start, kindHas)
	case "__has_include_next":
		l.hasInclude(start, kindHasNext)
	case "__has_embed":
		l.hasInclude(start, kindHasEmbed)
	case "__FILE__", "__BASE_FILE__":
		f.fileNames = true
	case "__builtin_FILE":
		f.fileNames, f.callerFile = true, true
	case "source_location", "__builtin_source_location":
		f.fileNames, f.location = true, true
	case "asm", "__asm", "__asm__":
		f.asm = true
		if l.asmDepth == 0 {
			l.asmDepth = -1
		}
	case "incbin":
		f.asmFiles = true
	case "_Pragma":
		l.pragmaOperator()
	case "import", "module", "export":
		if lineStart {
			l.moduleLine(string(name))
		}
	default:
		f.time.see(name)
	}
}

// moduleLine decides whether a line that starts with import, module or export declares a C++20 module or import.
func (l *lexer) moduleLine(first string) {
	at := l.i
	defer func() { l.i = at }()
	l.skipBlanks()
	if first == "export" {
		first = string(l.word())
		if first != "import" && first != "module" {
			return
		}
		l.skipBlanks()
	}
	if l.i >= len(l.b) {
		return
	}
	switch c := l.b[l.i]; {
	case c == ';' && first == "module":
		l.facts.modules = true
		return
	case (c == '<' || c == '"') && first == "import":
		l.facts.modules = true
		return
	case class[c] == letter || c == ':' && !bytes.HasPrefix(l.b[l.i:], []byte("::")):
	default:
		return
	}
	for l.i < len(l.b) && (isName[l.b[l.i]] || l.b[l.i] == '.' || l.b[l.i] == ':') {
		l.i++
	}
	l.skipBlanks()
	if l.i < len(l.b) && (l.b[l.i] == ';' || l.b[l.i] == '[') {
		l.facts.modules = true
	}
}
