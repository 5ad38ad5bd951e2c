//go:build unix

package oracle

import (
	"fmt"
	"strings"
)

// conditional is one #if that is open.
type conditional struct {
	on    bool // its present group is read
	taken bool // some group was
	outer bool // what encloses it is read
}

func (p *preprocessor) conditional(fr *frame, conds []conditional, word, rest string) []conditional {
	outer := len(conds) == 0 || conds[len(conds)-1].on
	open := func(on bool) []conditional {
		if p.mute == 0 && outer {
			fmt.Fprintf(&p.dump, "if %v\n", on)
		}
		return append(conds, conditional{on: outer && on, taken: on, outer: outer})
	}
	name, _ := firstWord(rest)
	_, defined := p.macros[name]
	switch word {
	case "ifdef":
		return open(defined)
	case "ifndef":
		return open(!defined)
	case "if":
		return open(outer && p.value(fr, rest))
	}
	if len(conds) == 0 {
		return conds
	}
	top := &conds[len(conds)-1]
	switch word {
	case "elif":
		on := top.outer && !top.taken && p.value(fr, rest)
		top.on, top.taken = on, top.taken || on
	case "else":
		top.on, top.taken = top.outer && !top.taken, true
	case "endif":
		return conds[:len(conds)-1]
	}
	return conds
}

// value evaluates the operand of #if: operands joined by && and ||, each with or without a !.
func (p *preprocessor) value(fr *frame, text string) bool {
	for term := range strings.SplitSeq(text, "||") {
		all := true
		for factor := range strings.SplitSeq(term, "&&") {
			all = all && p.factor(fr, strings.TrimSpace(factor))
		}
		if all {
			return true
		}
	}
	return false
}

func (p *preprocessor) factor(fr *frame, text string) bool {
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		return !p.factor(fr, strings.TrimSpace(rest))
	}
	word, rest := firstWord(text)
	rest = strings.TrimSpace(rest)
	switch word {
	case "defined":
		name, _ := firstWord(strings.Trim(rest, "() "))
		_, ok := p.macros[name]
		return ok
	case "__has_include", "__has_include_next":
		operand := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(rest, "("), ")"))
		name, angle, ok := p.fileName(operand)
		if !ok {
			return false
		}
		p.asked = true
		l := lookup{name: name, angle: angle, from: fr.file, next: word == "__has_include_next"}
		if p.nowhere(l) {
			p.fatal = errNowhere
			return false
		}
		_, found := p.find(l)
		if p.mute == 0 {
			fmt.Fprintf(&p.dump, "has %s %v\n", name, found)
		}
		return found
	}
	if word == "" {
		return text != "0" && text != ""
	}
	value, ok := p.macros[word]
	return ok && value != "0"
}

// firstWord cuts a name off, past blanks.
func firstWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t")
	i := 0
	for i < len(text) && (isLetter(text[i]) || text[i] >= '0' && text[i] <= '9') {
		i++
	}
	return text[:i], text[i:]
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// logicalLines joins spliced lines and removes comments.
func logicalLines(text string) []line {
	var lines []line
	number, inComment := 0, false
	rawLines := strings.Split(text, "\n")
	for i := 0; i < len(rawLines); i++ {
		raw := rawLines[i]
		start := i
		joined := raw
		for strings.HasSuffix(joined, "\\") && i+1 < len(rawLines) {
			i++
			joined = joined[:len(joined)-1] + rawLines[i]
		}
		number = start + 1
		var b strings.Builder
		quote := byte(0)
		for j := 0; j < len(joined); j++ {
			c := joined[j]
			switch {
			case inComment:
				if strings.HasPrefix(joined[j:], "*/") {
					inComment = false
					b.WriteByte(' ')
					j++
				}
				continue
			case quote != 0:
				if c == '\\' && j+1 < len(joined) {
					b.WriteByte(c)
					j++
					c = joined[j]
				} else if c == quote {
					quote = 0
				}
			case strings.HasPrefix(joined[j:], "//"):
				j = len(joined)
				continue
			case strings.HasPrefix(joined[j:], "/*"):
				inComment = true
				j++
				continue
			case c == '"':
				quote = c
			}
			b.WriteByte(c)
		}
		lines = append(lines, line{text: b.String(), number: number, raw: raw})
	}
	return lines
}
