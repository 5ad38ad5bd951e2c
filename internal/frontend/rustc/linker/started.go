package linker

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// started is what a driver starts for a link.
type started struct {
	programs      []string // collect2, ld and the like
	plugin        string   // of gcc, for the linker
	ltoWrapper    string
	installations []string // clang: those of gcc that were considered
	dirs          []string // clang: of configuration files
	otherDriver   string
	machine       []string // words for the linker that choose the machine
	sysroot       string   // of the linker
	installed     string   // clang: where it lies, as it says
	relative      bool     // a path among these was relative to the working directory
}

// starts reports whether a program of that name is among those that are started.
func (s started) starts(name string) bool {
	return slices.ContainsFunc(s.programs, func(path string) bool { return filepath.Base(path) == name })
}

// chosen has the linker print its version beside the option that Plan adds: where it does not know that one, links are not cached,
// since they would fail because of us.
func (p *probe) chosen(driver string, choice []string) (started, error) {
	argv := append(append([]string{driver}, choice...), "-v", "-Wl,--dependency-file=/dev/null", "-Wl,--version")
	said, err := p.Put(argv, "LC_ALL=C")
	if err != nil {
		return started{}, err
	}
	var s started
	for line := range strings.SplitSeq(string(said.Stderr), "\n") {
		for _, field := range []struct {
			prefix string
			values *[]string
		}{
			{"Found candidate GCC installation: ", &s.installations},
			{"InstalledDir: ", &s.dirs},
			{"System configuration file directory: ", &s.dirs},
			{"User configuration file directory: ", &s.dirs},
		} {
			if value, ok := strings.CutPrefix(line, field.prefix); ok {
				s.relative = s.relative || !filepath.IsAbs(value)
				*field.values = append(*field.values, frontend.Absolute(p.C.Dir, value))
			}
		}
		switch {
		case strings.HasPrefix(line, "Reading specs from "), strings.HasPrefix(line, "Configuration file: "):
			return s, p.Refuse("%s: %s", driver, line)
		case strings.HasPrefix(line, "InstalledDir: "):
			_, s.installed, _ = strings.Cut(line, " ")
		case strings.HasPrefix(line, "COLLECT_LTO_WRAPPER="):
			_, s.ltoWrapper, _ = strings.Cut(line, "=")
			s.relative = s.relative || !filepath.IsAbs(s.ltoWrapper)
		case strings.HasPrefix(line, "COLLECT_GCC="):
			_, s.otherDriver, _ = strings.Cut(line, "=")
		case strings.Contains(line, "--dependency-file=/dev/null") && !strings.Contains(line, "COLLECT_GCC_OPTIONS="):
			program, plugin := commandOf(line)
			if program == "" {
				return s, p.Refuse("%s starts %s", driver, line)
			}
			s.relative = s.relative || !filepath.IsAbs(program) || plugin != "" && !filepath.IsAbs(plugin)
			s.programs = append(s.programs, frontend.Absolute(p.C.Dir, program))
			s.machine, s.sysroot = machineOf(line)
			if plugin != "" {
				s.plugin = frontend.Absolute(p.C.Dir, plugin)
			}
		}
	}
	if said.Status != 0 {
		for _, path := range s.programs {
			if err := p.Watch(path); err != nil {
				return s, err
			}
		}
		return s, p.Refuse("%s cannot list the files that a link reads", strings.Join(argv[:1+len(choice)], " "))
	}
	if len(s.programs) == 0 {
		return s, p.Refuse("%s does not say which linker it starts", driver)
	}
	return s, nil
}

// commandOf returns the program of a command line that a driver prints, and the plugin that it is given. gcc quotes little, clang all:
// what does not begin with a path is none.
func commandOf(line string) (program, plugin string) {
	line = strings.TrimPrefix(line, " ")
	// collect2 and clang follow what they print on the same line with nothing; a version of gcc runs "collect2 version" into it.
	words := strings.Fields(strings.ReplaceAll(line, `"`, ""))
	if len(words) == 0 || !strings.Contains(words[0], "/") {
		return "", ""
	}
	for i, word := range words[:len(words)-1] {
		if word == "-plugin" {
			plugin = words[i+1]
		}
	}
	return words[0], plugin
}

// machineOf returns the words of a linker's command line that choose the machine it links for, and its sysroot, "" for the one that it
// was built with.
func machineOf(line string) (machine []string, sysroot string) {
	words := strings.Fields(strings.ReplaceAll(line, `"`, ""))
	for i, word := range words {
		if word == "-m" && i+1 < len(words) {
			machine = words[i : i+2]
		}
		if value, ok := strings.CutPrefix(word, "--sysroot="); ok {
			sysroot = value
		}
	}
	return machine, sysroot
}
