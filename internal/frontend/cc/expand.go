package cc

import (
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// Limits of response files. gcc gives up after 2,000 of them; no build nests them deeply.
const (
	maxResponseDepth = 64
	maxResponseBytes = 1 << 20
)

// expansion replaces @file arguments by the file's words, as gcc (libiberty's expandargv) and clang (GNU tokeniser) do.
// Where the two, or versions of one, split words in different ways it declines.
type expansion struct {
	dir   string
	files frontend.Files
	args  []string
	read  []string // response files, absolute, in order
	bytes int64    // read so far
}

// expand returns args with response files expanded and the files read. Without an @ argument it returns args itself.
func expand(dir string, args []string, files frontend.Files) ([]string, []string, *compile.Decline) {
	found := false
	for _, a := range args {
		if len(a) > 1 && a[0] == '@' {
			found = true
			break
		}
	}
	if !found {
		return args, nil, nil
	}
	e := expansion{dir: dir, files: files}
	if d := e.add(args, 0); d != nil {
		return nil, nil, d
	}
	return e.args, e.read, nil
}

func (e *expansion) add(args []string, depth int) *compile.Decline {
	for _, a := range args {
		if len(a) < 2 || a[0] != '@' {
			e.args = append(e.args, a)
			continue
		}
		if depth == maxResponseDepth {
			return compile.Refuse(compile.ReasonArguments, a)
		}
		path := frontend.Absolute(e.dir, a[1:])
		text, _, err := e.files.Read(path, maxResponseBytes-e.bytes)
		if err != nil {
			// gcc takes the argument literally where the file is absent, and stops where it is a directory.
			return compile.Refuse(compile.ReasonInput, a)
		}
		// The files of one expansion share the limit, so that a file naming itself twice ends soon; an empty one counts too.
		e.bytes += int64(len(text)) + 1
		e.read = append(e.read, path)
		words, ok := splitWords(string(text))
		if !ok {
			return compile.Refuse(compile.ReasonArguments, a)
		}
		if d := e.add(words, depth+1); d != nil {
			return d
		}
	}
	return nil
}

// splitWords splits the text of a response file. It answers false where compilers differ: a byte order mark, a null byte, a vertical tab or form
// feed (white space to gcc alone), an open quote or backslash at the end, an empty quoted word (clang drops it), a backslash in quotes that escapes neither a
// quote nor a backslash (libiberty changed with gcc 15), and any backslash in single quotes.
func splitWords(text string) ([]string, bool) {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if strings.HasPrefix(text, mark) {
			return nil, false
		}
	}
	var words []string
	var word []byte
	inWord := false
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == 0:
			return nil, false
		case c == '\\':
			i++
			if i == len(text) || quote == '\'' || text[i] == '\n' || text[i] == '\r' || text[i] == 0 {
				return nil, false
			}
			if quote == '"' && text[i] != '"' && text[i] != '\\' {
				return nil, false
			}
			word, inWord = append(word, text[i]), true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word = append(word, c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if inWord {
				if len(word) == 0 {
					return nil, false
				}
				words, word, inWord = append(words, string(word)), word[:0], false
			}
		case c == '\v' || c == '\f':
			return nil, false
		default:
			word, inWord = append(word, c), true
		}
	}
	if quote != 0 || inWord && len(word) == 0 {
		return nil, false
	}
	if inWord {
		words = append(words, string(word))
	}
	return words, true
}
