//go:build unix

package rustoracle

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// program is a crate as its sources say: what was read, and what is to be done with it.
type program struct {
	files   []source
	seen    map[string]bool
	within  []string           // files of statements that are being read, each led to by the one before
	env     map[string]*string // variables that the sources name; nil where one is not set
	lines   []line
	statics []native // of link attributes
}

// source is a file that was read.
type source struct {
	name string // as rustc spells it
	text []byte
}

// line is a statement that is no module and no file.
type line struct {
	file   string
	number int
	text   string
}

// failure is an error of the source: the compile fails with it.
type failure struct{ code, text, file string }

func (f *failure) Error() string { return f.code + ": " + f.text }

var (
	featureMod = regexp.MustCompile(`^#\[cfg\(feature="(\w+)"\)\] (.*)$`)
	linkStatic = regexp.MustCompile(`^#\[link\(name = "(\w+)", kind = "static"\)\]`)
	call       = regexp.MustCompile(`^(include_str|env|option_env)!\("([^"]*)"\)`)
	outInclude = regexp.MustCompile(`^include!\(concat!\(env!\("OUT_DIR"\), "([^"]*)"\)\);`)
)

// readSources reads a crate. Names of files are spelled as rustc does: joined to the name of the file that leads to them.
func (c *Call) readSources(o *options) (*program, error) {
	p := &program{seen: map[string]bool{}, env: map[string]*string{}}
	return p, c.readModule(o, p, o.source, filepath.Dir(o.source))
}

// open reads a file that becomes part of the crate.
func (c *Call) open(p *program, name string) ([]byte, error) {
	text, err := os.ReadFile(c.abs(name))
	if err != nil {
		return nil, &failure{"", fmt.Sprintf("couldn't read `%s`", name), name}
	}
	if !p.seen[name] {
		p.seen[name] = true
		p.files = append(p.files, source{name, text})
	}
	return text, nil
}

// readModule reads a file of statements, whose modules lie in a directory.
func (c *Call) readModule(o *options, p *program, name, modules string) error {
	text, err := c.open(p, name)
	if err != nil {
		return err
	}
	if p.within = append(p.within, name); slices.Contains(p.within[:len(p.within)-1], name) {
		return &failure{"", "circular modules: " + strings.Join(p.within, " -> "), name}
	}
	defer func() { p.within = p.within[:len(p.within)-1] }()
	for i, statement := range strings.Split(string(text), "\n") {
		if m := featureMod.FindStringSubmatch(statement); m != nil {
			if !slices.Contains(o.features, `"`+m[1]+`"`) {
				continue
			}
			statement = m[2]
		}
		if mod, ok := strings.CutPrefix(statement, "mod "); ok {
			mod = strings.TrimSuffix(mod, ";")
			plain, nested := filepath.Join(modules, mod+".rs"), filepath.Join(modules, mod, "mod.rs")
			switch a, b := isFile(c.abs(plain)), isFile(c.abs(nested)); {
			case a && b:
				return &failure{"E0761", "file for module `" + mod + "` found at both \"" + plain + "\" and \"" + nested + "\"", name}
			case !a && !b:
				return &failure{"E0583", "file not found for module `" + mod + "`", name}
			case b:
				plain = nested
			}
			if err := c.readModule(o, p, plain, filepath.Join(modules, mod)); err != nil {
				return err
			}
			continue
		}
		if m := outInclude.FindStringSubmatch(statement); m != nil {
			dir, err := c.env(p, "OUT_DIR", name)
			if err != nil {
				return err
			}
			if err := c.readModule(o, p, dir+m[1], filepath.Dir(dir+m[1])); err != nil {
				return err
			}
			continue
		}
		if m := linkStatic.FindStringSubmatch(statement); m != nil {
			p.statics = append(p.statics, native{true, m[1]})
		}
		if m := call.FindStringSubmatch(statement); m != nil {
			value := ""
			switch m[1] {
			case "include_str":
				included, err := c.open(p, filepath.Dir(name)+"/"+m[2])
				if err != nil {
					return err
				}
				value = string(included)
			case "env":
				if value, err = c.env(p, m[2], name); err != nil {
					return err
				}
			case "option_env":
				value = "None"
				if v, ok := c.getenv(m[2]); ok {
					value = "Some " + v
				}
				c.note(p, m[2])
			}
			statement += " " + value
		}
		p.lines = append(p.lines, line{name, i + 1, statement})
	}
	return nil
}

// env returns a variable that must be set.
func (c *Call) env(p *program, name, file string) (string, error) {
	v, ok := c.getenv(name)
	if !ok {
		return "", &failure{"", "environment variable `" + name + "` not defined at compile time", file}
	}
	c.note(p, name)
	return v, nil
}

func (c *Call) note(p *program, name string) {
	p.env[name] = nil
	if v, ok := c.getenv(name); ok {
		p.env[name] = &v
	}
}
