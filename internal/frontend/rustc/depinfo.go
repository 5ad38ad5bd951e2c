package rustc

import (
	"fmt"
	"strings"
)

// depInfo is what rustc's dep-info says: the files it read as it spells them, the source first, and the variables that the crate
// names.
type depInfo struct {
	paths []string
	env   []envDep
}

// envDep is a variable that the crate asked for. An unset one differs from an empty one.
type envDep struct {
	name, value string
	set         bool
}

// parseDepInfo reads dep-info of rustc:
//
//	OUTPUT: FILE FILE..     for each output, all the same
//	FILE:                   for each file
//	# env-dep:NAME=VALUE    or # env-dep:NAME of one that is not set
//
// In paths only blanks are escaped; in variables backslash, newline and carriage return.
func parseDepInfo(text []byte) (depInfo, error) {
	var d depInfo
	first := true
	for line := range strings.SplitSeq(string(text), "\n") {
		switch {
		case line == "":
		case strings.HasPrefix(line, "# env-dep:"):
			var e envDep
			e.name, e.value, e.set = strings.Cut(line[len("# env-dep:"):], "=")
			var ok bool
			if e.name, ok = unescapeEnv(e.name); !ok {
				return d, fmt.Errorf("dep-info: %s", line)
			}
			if e.value, ok = unescapeEnv(e.value); !ok {
				return d, fmt.Errorf("dep-info: %s", line)
			}
			d.env = append(d.env, e)
		case strings.HasPrefix(line, "#"):
			return d, fmt.Errorf("dep-info: %s", line)
		case first:
			first = false
			_, list, ok := strings.Cut(line, ": ")
			if !ok {
				return d, fmt.Errorf("dep-info: %s", line)
			}
			d.paths = splitPaths(list)
		}
	}
	if len(d.paths) == 0 {
		return d, fmt.Errorf("dep-info names no source")
	}
	return d, nil
}

// splitPaths splits at blanks that no backslash precedes.
func splitPaths(list string) []string {
	var paths []string
	var b strings.Builder
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && i+1 < len(list) && list[i+1] == ' ':
			b.WriteByte(' ')
			i++
		case list[i] == ' ':
			if b.Len() > 0 {
				paths = append(paths, b.String())
			}
			b.Reset()
		default:
			b.WriteByte(list[i])
		}
	}
	if b.Len() > 0 {
		paths = append(paths, b.String())
	}
	return paths
}

func unescapeEnv(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", false
		}
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case '\\':
			b.WriteByte('\\')
		default:
			return "", false
		}
	}
	return b.String(), true
}
