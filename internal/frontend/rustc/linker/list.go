package linker

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ParseList returns the files of the first rule of a linker's dependency file, each once. Blanks are escaped by a backslash, as are
// backslashes before blanks and #; $ is doubled. What was made stands alone on the first line, where lld escapes nothing.
func ParseList(text []byte) ([]string, error) {
	rest := string(text)
	if i := strings.Index(rest, "\n\n"); i >= 0 {
		rest = rest[:i]
	}
	if made, files, ok := strings.Cut(rest, ": \\\n"); ok && !strings.Contains(made, "\n") {
		rest = "made:\\\n" + files
	}
	rest = strings.ReplaceAll(strings.TrimSuffix(rest, "\n"), "\\\n", " ")
	if strings.Contains(rest, "\n") {
		return nil, fmt.Errorf("the linker's list has more than one rule")
	}
	var words []string
	var b strings.Builder
	end := func() {
		if b.Len() > 0 {
			words = append(words, b.String())
		}
		b.Reset()
	}
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == ' ' || c == '\t':
			end()
		case c == '\\' && i+1 < len(rest) && strings.IndexByte(" \\#\t", rest[i+1]) >= 0, c == '$' && strings.HasPrefix(rest[i:], "$$"):
			i++
			b.WriteByte(rest[i])
		default:
			b.WriteByte(c)
		}
	}
	end()
	if len(words) < 2 || !strings.HasSuffix(words[0], ":") {
		return nil, fmt.Errorf("the linker's list is none")
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(words[1:], func(word string) bool {
		known := seen[word]
		seen[word] = true
		return known
	}), nil
}

// assignment is a variable in front of a printed command.
var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*="`)

// ParseCommand returns program and arguments of a command as rustc prints it: variables with their values in front, and all but their
// names quoted as in Rust.
func ParseCommand(text string) ([]string, error) {
	if strings.Count(text, "\n") > 1 {
		return nil, fmt.Errorf("the compiler prints more than one link")
	}
	rest := strings.TrimSpace(text)
	var words []string
	for rest != "" {
		variable := false
		if m := assignment.FindString(rest); m != "" && len(words) == 0 {
			variable, rest = true, rest[len(m)-1:]
		}
		word, tail, err := quoted(rest)
		if err != nil {
			return nil, err
		}
		if !variable {
			words = append(words, word)
		}
		rest = strings.TrimLeft(tail, " ")
	}
	return words, nil
}

// quoted reads a text in quotes, and returns what follows. What Rust escapes otherwise than a path needs is refused.
func quoted(s string) (word, rest string, err error) {
	bad := func() (string, string, error) {
		return "", "", fmt.Errorf("the compiler prints a link that is not understood: %s", strconv.Quote(s[:min(len(s), 80)]))
	}
	if !strings.HasPrefix(s, `"`) {
		return bad()
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], nil
		case c != '\\':
			b.WriteByte(c)
		case i+1 < len(s) && strings.IndexByte(`"\'`, s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		default:
			return bad()
		}
	}
	return bad()
}
