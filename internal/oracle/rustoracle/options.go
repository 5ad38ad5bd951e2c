//go:build unix

package rustoracle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// options are the arguments of a call.
type options struct {
	print   string
	version bool

	source                string
	crate, kind, extra    string
	emit                  []string
	outDir                string
	features              []string
	quiet                 bool // --cap-lints allow
	strip, lto            bool
	externs               []extern
	crateDirs, nativeDirs []string
	libs                  []native
	linkArgs              []string
	maps                  [][2]string // of paths, the last that fits wins
	flags                 []string    // those that decide code and are in a crate's hash
}

type extern struct{ name, path string }

// native is a library of -l or of a link attribute.
type native struct {
	Static bool
	Name   string
}

var errUsage = errors.New("multiple input filenames provided, or none")

func (c *Call) options() (*options, error) {
	o := &options{}
	args := c.Args
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "-vV" {
			o.version = true
			continue
		}
		if !strings.HasPrefix(arg, "-") {
			if o.source != "" {
				return nil, errUsage
			}
			o.source = arg
			continue
		}
		var name, value string
		switch {
		case strings.HasPrefix(arg, "--"):
			var given bool
			if name, value, given = strings.Cut(arg[2:], "="); !given {
				if i++; i == len(args) {
					return nil, fmt.Errorf("argument to option '%s' missing", name)
				}
				value = args[i]
			}
		default:
			if name, value = arg[1:2], arg[2:]; value == "" {
				if i++; i == len(args) {
					return nil, fmt.Errorf("argument to option '%s' missing", name)
				}
				value = args[i]
			}
		}
		if err := o.set(c, name, value); err != nil {
			return nil, err
		}
	}
	if o.source == "" && o.print == "" && !o.version {
		return nil, errUsage
	}
	return o, nil
}

func (o *options) set(c *Call, name, value string) error {
	keep := func() { o.flags = append(o.flags, name+" "+value) }
	switch name {
	case "print":
		o.print = value
	case "crate-name":
		o.crate = value
		keep()
	case "crate-type":
		o.kind = value
		keep()
	case "emit":
		o.emit = strings.Split(value, ",")
		keep()
	case "out-dir":
		o.outDir = value
	case "error-format", "json":
	case "cap-lints":
		o.quiet = value == "allow"
		keep()
	case "cfg":
		if f, ok := strings.CutPrefix(value, "feature="); ok {
			o.features = append(o.features, f)
		}
		keep()
	case "extern":
		n, path, _ := strings.Cut(value, "=")
		o.externs = append(o.externs, extern{n, c.abs(path)})
	case "remap-path-prefix":
		at := strings.LastIndexByte(value, '=')
		o.maps = append(o.maps, [2]string{value[:at], value[at+1:]})
	case "L":
		kind, dir, _ := strings.Cut(value, "=")
		switch kind {
		case "dependency":
			o.crateDirs = append(o.crateDirs, c.abs(dir))
		case "native":
			o.nativeDirs = append(o.nativeDirs, c.abs(dir))
		default:
			return fmt.Errorf("-L %s", value)
		}
	case "l":
		kind, lib, given := strings.Cut(value, "=")
		if !given {
			lib = kind
		}
		o.libs = append(o.libs, native{kind == "static", lib})
		keep()
	case "C":
		option, v, _ := strings.Cut(value, "=")
		switch option {
		case "link-arg":
			o.linkArgs = append(o.linkArgs, v)
			return nil
		case "extra-filename":
			o.extra = v
		case "strip":
			o.strip = true
		case "lto":
			o.lto = true
		}
		keep()
	default:
		keep()
	}
	return nil
}

func (o *options) emits(kind string) bool { return slices.Contains(o.emit, kind) }

// mapped returns how a path is called in outputs.
func (o *options) mapped(path string) string {
	for _, m := range slices.Backward(o.maps) {
		if rest, ok := strings.CutPrefix(path, m[0]); ok && (rest == "" || rest[0] == '/') {
			return m[1] + rest
		}
	}
	return path
}
