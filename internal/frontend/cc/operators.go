package cc

import (
	"bytes"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// operator is a macro that stands for __has_include or its like: #define HAS __has_include, as in xxhash.h. HAS(<a.h>) then looks for a
// file wherever it is written, also in other files.
type operator struct {
	name string
	kind includeKind
}

// addOperator adds a macro once.
func (f *facts) addOperator(o operator) {
	if !slices.Contains(f.operators, o) {
		f.operators = append(f.operators, o)
	}
}

// defineOperator notes the macro that is being defined, whose whole text is the operator that started at start and ended before l.i. It
// reports whether that is so.
func (l *lexer) defineOperator(start int, kind includeKind) bool {
	if l.i < len(l.b) && l.b[l.i] != '\n' {
		return false
	}
	name, blanks := l.b[l.defined:start], 0
	for len(name) > 0 && isBlank[name[len(name)-1]] {
		name, blanks = name[:len(name)-1], blanks+1
	}
	if blanks == 0 || len(name) == 0 {
		return false
	}
	for _, c := range name {
		if !isName[c] {
			return false // it takes arguments, or there is a comment
		}
	}
	l.facts.addOperator(operator{string(name), kind})
	return true
}

// scanOperators reads the inputs again where some define macros that stand for an operator, with these as operators.
func (g *gathering) scanOperators() error {
	var defined []operator
	for _, input := range g.inputs {
		if input.facts != nil {
			defined = append(defined, input.facts.operators...)
		}
	}
	if len(defined) == 0 {
		return nil
	}
	kinds := make(map[string]includeKind)
	for _, o := range defined {
		if kind, ok := kinds[o.name]; ok && kind != o.kind {
			return compile.Refuse(compile.ReasonComputed, o.name)
		}
		kinds[o.name] = o.kind
		for _, arg := range g.c.Args {
			if strings.Contains(arg, o.name) {
				return compile.Refuse(compile.ReasonComputed, arg)
			}
		}
	}
	for i := range g.inputs {
		in := &g.inputs[i]
		if in.facts == nil {
			continue
		}
		text, d, err := g.files.Read(in.path, maxSource)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		if d != in.digest {
			return compile.Refuse(compile.ReasonInputChanged, in.path)
		}
		if !containsAny(text, kinds) {
			continue
		}
		in.facts = scanWith(text, kinds)
		for _, o := range in.facts.operators {
			if kind, ok := kinds[o.name]; !ok || kind != o.kind {
				return compile.Refuse(compile.ReasonComputed, in.path) // a macro that stands for such a macro
			}
		}
	}
	return nil
}

// containsAny reports whether a text names one of the macros, its lines put together.
func containsAny(text []byte, kinds map[string]includeKind) bool {
	if bytes.Contains(text, []byte("??/")) {
		return true // a trigraph may be where a line ends
	}
	joined, _ := joinLines(text)
	for name := range kinds {
		if bytes.Contains(joined, []byte(name)) {
			return true
		}
	}
	return false
}
