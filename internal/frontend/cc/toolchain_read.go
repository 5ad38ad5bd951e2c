package cc

import (
	"path/filepath"
	"strconv"
	"strings"
)

// verbose is what -v -E says.
type verbose struct {
	kind          string // "gcc", "clang", "" for another compiler
	apple         bool
	major         int
	cc1           string   // the compiler proper
	targetOptions []string // what the driver made of -march=native and the like
	searchDirs    []string
	missingDirs   []string // search directories that do not exist

	collectGCC string   // gcc: what the driver was started as
	specs      []string // gcc: specs files it read

	triple, resourceDir, installedDir string   // clang
	configs, configDirs               []string // clang
	installations                     []string // clang: gcc installations considered
}

// readVerbose reads the standard error of -v -E, taken in the C locale.
func readVerbose(text []byte) verbose {
	var v verbose
	inList := false
	for line := range strings.SplitSeq(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if inList {
			if dir, ok := strings.CutPrefix(line, " "); ok {
				v.searchDirs = append(v.searchDirs, strings.TrimSuffix(dir, " (framework directory)"))
				continue
			}
			inList = strings.HasPrefix(line, "#include <") // "..." comes first
			continue
		}
		if before, after, ok := strings.Cut(line, "clang version "); ok && v.kind == "" && !strings.HasPrefix(line, " ") {
			v.kind, v.apple, v.major = "clang", before == "Apple ", readMajor(after)
			continue
		}
		if after, ok := strings.CutPrefix(line, "gcc version "); ok && v.kind == "" {
			v.kind, v.major = "gcc", readMajor(after)
			continue
		}
		for _, field := range []struct {
			prefix string
			value  *string
		}{
			{"COLLECT_GCC=", &v.collectGCC},
			{"InstalledDir: ", &v.installedDir},
		} {
			if value, ok := strings.CutPrefix(line, field.prefix); ok {
				*field.value = value
			}
		}
		for _, field := range []struct {
			prefix string
			values *[]string
		}{
			{"Reading specs from ", &v.specs},
			{"Configuration file: ", &v.configs},
			{"System configuration file directory: ", &v.configDirs},
			{"User configuration file directory: ", &v.configDirs},
			{"Found candidate GCC installation: ", &v.installations},
		} {
			if value, ok := strings.CutPrefix(line, field.prefix); ok {
				*field.values = append(*field.values, value)
			}
		}
		switch {
		case strings.HasPrefix(line, "#include \"...\""), strings.HasPrefix(line, "#include <...>"):
			inList = true
		case strings.HasPrefix(line, "ignoring nonexistent directory "):
			v.missingDirs = append(v.missingDirs, strings.Trim(strings.TrimPrefix(line, "ignoring nonexistent directory "), `"`))
		case strings.HasPrefix(line, " ") && v.cc1 == "":
			v.readCommand(line)
		}
	}
	return v
}

// readCommand reads the line that says how the compiler proper is started.
func (v *verbose) readCommand(line string) {
	if v.kind == "clang" {
		words := quotedWords(line)
		if len(words) < 2 || words[1] != "-cc1" {
			return
		}
		v.cc1 = words[0]
		for i := 2; i+1 < len(words); i++ {
			switch words[i] {
			case "-triple":
				v.triple = words[i+1]
			case "-resource-dir":
				v.resourceDir = words[i+1]
			case "-target-cpu", "-tune-cpu", "-target-feature", "-target-abi":
			default:
				continue
			}
			if words[i] != "-resource-dir" {
				v.targetOptions = append(v.targetOptions, words[i], words[i+1])
			}
			i++
		}
		return
	}
	// gcc does not quote: a blank in the path of cc1 is found by what follows it.
	program, options, ok := strings.Cut(strings.TrimPrefix(line, " "), " -E ")
	if !ok || !strings.HasPrefix(filepath.Base(program), "cc1") {
		return
	}
	v.cc1 = program
	words := strings.Fields(options)
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "-m"), strings.HasPrefix(word, "--param="):
			v.targetOptions = append(v.targetOptions, word)
		case word == "--param" && i+1 < len(words):
			v.targetOptions = append(v.targetOptions, word, words[i+1])
		}
	}
}

// quotedWords splits a command line as clang prints it: words with special characters are in double quotes, in which a
// backslash quotes the next character.
func quotedWords(line string) []string {
	var words []string
	var word strings.Builder
	in, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			in = true
		case c == '"':
			quoted = !quoted
			in = true
		case c == ' ' && !quoted:
			if in {
				words = append(words, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words
}

// readMajor reads the number at the start of a version.
func readMajor(version string) int {
	end := 0
	for end < len(version) && version[end] >= '0' && version[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return n
}
