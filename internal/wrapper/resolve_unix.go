//go:build unix

package wrapper

import (
	"os"
	"strconv"
	"syscall"
)

// nestVariable counts how many scripts on the way to this process were called as a compiler by ccwrap. It is set only for a
// compiler that is a script. A script named gcc that calls the next gcc in PATH may find our shim there, whose next gcc
// in PATH is the script: beyond maxNesting such calls, scripts are skipped in PATH, and the loop ends at the real compiler.
// (Neither the chain of parents nor the process's id could tell: a script that uses exec leaves no parent behind.)
const (
	nestVariable = "COMPILE_CACHE_NESTED"
	maxNesting   = 8
)

// defaultPath is searched where PATH is not set, as execvp does.
const defaultPath = "/bin:/usr/bin"

// self is the running ccwrap.
type self struct {
	path     string // "" where the system does not tell
	dev, ino uint64
}

func findSelf() self {
	path, err := os.Executable() // known since the start of package os: no system call
	if err != nil {
		return self{}
	}
	s := self{path: followLinks(path)}
	var st syscall.Stat_t
	if syscall.Stat(s.path, &st) == nil {
		s.dev, s.ino = uint64(st.Dev), uint64(st.Ino)
	}
	return s
}

// instance returns the instance of the directory of shims that we lie in, "" where it is none.
func (s self) instance() string {
	if s.path == "" {
		return ""
	}
	dir := parent(s.path)
	text := readLink(dir + "/.instance")
	if text == "" {
		return ""
	}
	return within(dir, text)
}

// is reports whether a file is a ccwrap, this one or another; target is the name of the file that it leads to.
func (s self) is(st *syscall.Stat_t, target string) bool {
	return isOwnName(target) || s.same(st)
}

// same reports whether a file is the running ccwrap.
func (s self) same(st *syscall.Stat_t) bool {
	return s.ino != 0 && uint64(st.Dev) == s.dev && uint64(st.Ino) == s.ino
}

// isOtherCache reports whether a name is that of another compiler cache: its directory of masquerading links precedes the
// compilers in PATH, and two caches in a row would only cost twice.
func isOtherCache(target string) bool { return target == "ccache" || target == "sccache" }

// resolve finds the compiler that c.name means. A name with a slash is the compiler as it stands, unless it leads to
// ccwrap: CMake remembers the path of a shim and calls it behind a launcher. Where there is none, resolve says so and
// returns the status to exit with.
func (c *call) resolve() (status int, ok bool) {
	name := c.name
	if hasSlash(name) {
		var st syscall.Stat_t
		if err := syscall.Stat(name, &st); err != nil {
			c.program = name
			return c.failed(err), false
		}
		if !c.self.is(&st, base(followLinks(name))) {
			c.program = name
			return c.executable(&st)
		}
		name = base(name)
	}
	path, found := lookupEnv(c.env, "PATH")
	if !found {
		path = defaultPath
	}
	nested := c.nesting() >= maxNesting
	refused := ""
	for dir, more := "", name != ""; more; { // a caller may give no name at all
		dir, path, more = cutPath(path)
		candidate := name
		if dir != "" {
			candidate = dir + "/" + name
		}
		if candidate[0] != '/' {
			candidate = within(c.workDir(), candidate)
		}
		var st syscall.Stat_t
		if syscall.Stat(candidate, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
			continue
		}
		if syscall.Access(candidate, accessExecute) != nil {
			refused = candidate
			continue
		}
		target := base(followLinks(candidate))
		if c.self.is(&st, target) || isOtherCache(target) || nested && isScript(candidate) {
			continue
		}
		c.program = candidate
		return 0, true
	}
	if refused != "" {
		complain(refused, "not executable")
		return 126, false
	}
	complain(name, "not found in PATH")
	return 127, false
}

const accessExecute = 1 // X_OK

// executable looks at a compiler that was named with a slash.
func (c *call) executable(st *syscall.Stat_t) (status int, ok bool) {
	if st.Mode&syscall.S_IFMT == syscall.S_IFDIR || syscall.Access(c.program, accessExecute) != nil {
		return c.failed(syscall.EACCES), false
	}
	// A script that names itself behind ccwrap has nothing to fall back to.
	if c.nesting() >= 4*maxNesting && isScript(c.program) {
		complain(c.program, "calls itself")
		return 126, false
	}
	return 0, true
}

func (c *call) nesting() int {
	n, err := strconv.Atoi(getenv(c.env, nestVariable))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// scriptMagic is what a file begins with that names its interpreter.
var scriptMagic = [2]byte{'#', '!'}

// isScript reports whether the kernel hands the file to an interpreter.
func isScript(path string) bool {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	var magic [2]byte
	n, err := syscall.Read(fd, magic[:])
	return err == nil && n == 2 && magic == scriptMagic
}
