package cc

import "strings"

// quotedFiles returns the names of files that diagnostics point at: "name:line..." at the start of a line, or after
// "In file included from". A compiler prints lines of the files that #line directives name without saying so elsewhere.
func quotedFiles(stderr []byte) []string {
	var names []string
	seen := make(map[string]bool)
	for line := range strings.SplitSeq(plainText(string(stderr)), "\n") {
		line = strings.TrimSpace(line)
		line = strings.TrimPrefix(line, "In file included ")
		line = strings.TrimPrefix(line, "from ")
		for from := 0; ; {
			colon := strings.IndexByte(line[from:], ':')
			if colon < 0 {
				break
			}
			colon += from
			if colon > 0 && colon+1 < len(line) && line[colon+1] >= '0' && line[colon+1] <= '9' {
				if name := line[:colon]; !seen[name] && !strings.HasPrefix(name, "<") {
					seen[name] = true
					names = append(names, name)
				}
				break
			}
			from = colon + 1
		}
	}
	return names
}

// plainText removes a terminal's escape sequences: colours (CSI) and links (OSC).
func plainText(s string) string {
	if !strings.Contains(s, "\x1b") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\x1b' || i+1 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		switch i++; s[i] {
		case '[':
			for i++; i < len(s) && (s[i] < '@' || s[i] > '~'); i++ {
			}
		case ']':
			for i++; i < len(s) && s[i] != '\a' && !strings.HasPrefix(s[i:], "\x1b\\"); i++ {
			}
			if i < len(s) && s[i] == '\x1b' {
				i++
			}
		}
	}
	return b.String()
}
