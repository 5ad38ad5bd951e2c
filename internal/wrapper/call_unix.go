//go:build unix

package wrapper

import (
	"strconv"
	"syscall"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// A call is one invocation of the compiler.
type call struct {
	self    self
	name    string   // the compiler as the caller named it
	program string   // the path that is executed, and argv[0] of the compiler
	args    []string // without argv[0]
	env     []string
	dir     string // working directory; see workDir
	ignored uint64 // signals, see Main
	input   *input // once standard input was read
}

func run(name string, args []string, ignored uint64) int {
	c := &call{self: findSelf(), name: name, args: args, env: runtimeEnvs(), ignored: ignored}
	if status, ok := c.resolve(); !ok {
		return status
	}
	if disabled, _ := protocol.Bool(getenv(c.env, "COMPILE_CACHE_DISABLE")); disabled {
		return c.become()
	}
	return c.serve()
}

// workDir returns the physical working directory, "" where it has no name.
func (c *call) workDir() string {
	if c.dir == "" {
		if dir := workDir(); dir != "" && dir[0] == '/' {
			c.dir = dir
		}
	}
	return c.dir
}

// place returns where the instance of this call is found.
func (c *call) place(namespace string) protocol.Place {
	lookup := func(name string) string {
		v := getenv(c.env, name)
		if name == "COMPILE_CACHE_DIR" && v != "" {
			v = within(c.workDir(), v)
		}
		return v
	}
	return protocol.FindPlace(lookup, c.self.instance(), syscall.Getuid(), namespace)
}

// become replaces this process by the compiler. It returns only where that is impossible, with the status to exit with.
func (c *call) become() int {
	c.ignore(c.ignored)
	return c.failed(c.execute(c.args, syscall.Exec))
}

// execute hands the compiler to start: execve or a way to have a child. Like execvp it gives a file that the kernel does not know
// how to execute to the shell.
func (c *call) execute(args []string, start func(path string, argv, env []string) error) error {
	if err := c.input.feed(); err != nil {
		return err
	}
	env := c.env
	if isScript(c.program) {
		env = setenv(env, nestVariable, strconv.Itoa(c.nesting()+1))
	}
	argv := append([]string{c.program}, args...)
	err := start(c.program, argv, env)
	if err == syscall.ENOEXEC {
		const shell = "/bin/sh"
		err = start(shell, append([]string{shell}, argv...), env)
	}
	return err
}

// failed says why the compiler could not be started, and returns the status a shell would give.
func (c *call) failed(err error) int {
	switch err {
	case nil:
		return 0
	case syscall.ENOENT, syscall.ENOTDIR:
		complain(c.program, "not found") // or its interpreter
		return 127
	case syscall.EACCES, syscall.ENOEXEC:
		complain(c.program, "not executable")
	default:
		complain(c.program, err.Error())
	}
	return 126
}
