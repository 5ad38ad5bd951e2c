package key

import (
	"bytes"
	"os"
)

// Text outputs (dependency files, messages) are stored as templates: every path below a root as marker, root's name,
// marker; a marker in the text itself doubled.
const marker = 0x00

// Template encodes text for storage.
func (rs Roots) Template(text []byte) []byte {
	if len(rs) == 0 && bytes.IndexByte(text, marker) < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	start := true // whether a path may begin here
	for i := 0; i < len(text); {
		c := text[i]
		if c == '/' && start {
			if r := rs.at(text[i:]); r != nil {
				out = append(out, marker)
				out = append(out, r.Name...)
				out = append(out, marker)
				i += len(r.Path)
				start = false
				continue
			}
		}
		if n := escapeLen(text[i:]); n > 0 {
			out = append(out, text[i:i+n]...)
			i += n
			start = true
			continue
		}
		if c == marker {
			out = append(out, marker)
		}
		out = append(out, c)
		start = !pathByte(c)
		i++
	}
	return out
}

// escapeLen returns the length of the terminal's control sequence (colours) that text starts with, as it is or as JSON spells it, 0 for
// none. Its last byte is a letter, and a path may follow at once.
func escapeLen(text []byte) int {
	const plain, inJSON = "\x1b[", `\u001b[`
	begin := 0
	switch {
	case len(text) == 0 || text[0] != plain[0] && text[0] != inJSON[0]:
		return 0
	case bytes.HasPrefix(text, []byte(plain)):
		begin = len(plain)
	case bytes.HasPrefix(text, []byte(inJSON)):
		begin = len(inJSON)
	default:
		return 0
	}
	for i := begin; i < len(text); i++ {
		switch c := text[i]; {
		case '@' <= c && c <= '~':
			return i + 1
		case c < ' ' || c >= 0x7f:
			return 0
		}
	}
	return 0
}

// Left returns the names of the roots whose text is still in a template, sorted: there it did not look like a path, so what was
// templated depends on them.
func (rs Roots) Left(template []byte) []string {
	s := rs.NewScanner()
	_, _ = s.Write(template)
	return s.Found()
}

// at returns the innermost root whose path stands at the start of text as whole components.
func (rs Roots) at(text []byte) *Root {
	for i := range rs {
		p := rs[i].Path
		if len(text) < len(p) || string(text[:len(p)]) != p {
			continue
		}
		if rest := text[len(p):]; len(rest) == 0 || rest[0] == '/' || !pathByte(rest[0]) {
			return &rs[i]
		}
	}
	return nil
}

// pathByte reports whether a byte commonly continues a file name.
func pathByte(c byte) bool {
	return c == '/' || c == '.' || c == '-' || c == '_' || c == '+' || c == '~' || c == '@' || c == '%' || c == '\\' || c == '$' || c >= 0x80 ||
		'0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Expand decodes a template with the roots of the invocation that is answered.
func (rs Roots) Expand(template []byte) ([]byte, error) {
	i := bytes.IndexByte(template, marker)
	if i < 0 {
		return template, nil
	}
	out := make([]byte, 0, len(template)+256)
	for {
		out = append(out, template[:i]...)
		template = template[i+1:]
		j := bytes.IndexByte(template, marker)
		switch {
		case j < 0:
			return nil, os.ErrInvalid
		case j == 0:
			out = append(out, marker)
		default:
			p, ok := rs.path(string(template[:j]))
			if !ok {
				return nil, os.ErrInvalid
			}
			out = append(out, p...)
		}
		template = template[j+1:]
		if i = bytes.IndexByte(template, marker); i < 0 {
			return append(out, template...), nil
		}
	}
}

func (rs Roots) path(name string) (string, bool) {
	for _, r := range rs {
		if r.Name == name {
			return r.Path, true
		}
	}
	return "", false
}
