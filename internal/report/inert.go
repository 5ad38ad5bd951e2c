package report

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how many bytes of a foreign name are shown.
const maxName = 200

// inert makes a foreign string safe to print on a terminal or into a log: bounded, on one line, without escape sequences,
// invisible or direction-changing characters, and without the mark of a workflow command.
func inert(s string) string { return inertTo(s, maxName) }

// inertTo is inert with a bound of its own: of what is longer the head is shown and, since names differ at their ends, the tail.
func inertTo(s string, most int) string {
	if len(s) > most {
		head := most * 2 / 5
		s = clip(s[:head], false) + "…" + clip(s[len(s)-(most-head-len("…")):], true)
	}
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "##[", "# #[")
}

// clip removes the part of a character that a cut left at one end.
func clip(s string, front bool) string {
	for range utf8.UTFMax - 1 {
		if front && s != "" && !utf8.RuneStart(s[0]) {
			s = s[1:]
		}
		if r, n := utf8.DecodeLastRuneInString(s); !front && r == utf8.RuneError && n == 1 {
			s = s[:len(s)-1]
		}
	}
	return s
}

// breakCommands spells the ##[ in strings of JSON otherwise.
func breakCommands(b []byte) []byte { return bytes.ReplaceAll(b, []byte("##["), []byte(`#\u0023[`)) }

// zeroWidth keeps @name and #1 from becoming mentions, should a code span ever end early.
const zeroWidth = "\u200b"

// markdownCode returns a foreign string as a code span for a cell of a table. Within one nothing is markup but the backquote
// and, because rows are cut into cells first, the bar.
func markdownCode(s string) string { return markdownCodeTo(s, maxName) }

func markdownCodeTo(s string, most int) string {
	s = inertTo(s, most)
	if strings.TrimSpace(s) == "" {
		return "(empty)"
	}
	s = strings.NewReplacer("@", "@"+zeroWidth, "#", "#"+zeroWidth).Replace(s)
	// A bar is escaped by a backslash, which must not meet another.
	s = strings.ReplaceAll(s, `\|`, `\`+zeroWidth+`|`)
	s = strings.ReplaceAll(s, "|", `\|`)
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	if longest > 0 || s[0] == ' ' || s[len(s)-1] == ' ' {
		s = " " + s + " "
	}
	return fence + s + fence
}

// markdownText escapes prose of our own, which names options and macros.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range inertProse(s) {
		if r < utf8.RuneSelf && unicode.IsOneOf([]*unicode.RangeTable{unicode.P, unicode.S}, r) && !strings.ContainsRune(`.,:;'"()/%-`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// inertProse keeps sentences from the table of reasons on one line.
func inertProse(s string) string { return strings.Join(strings.Fields(s), " ") }
