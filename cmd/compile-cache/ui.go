package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// ui is how the program speaks to people: every line of ours begins with our name. An error ends the command, a
// warning says that it goes on with less, a hint says what to do. In a workflow the same text is the annotation.
type ui struct {
	w        io.Writer
	terminal bool
	annotate bool
}

func (u *ui) errorf(format string, args ...any)   { u.say("error", fmt.Sprintf(format, args...)) }
func (u *ui) warningf(format string, args ...any) { u.say("warning", fmt.Sprintf(format, args...)) }
func (u *ui) hintf(format string, args ...any)    { u.say("hint", fmt.Sprintf(format, args...)) }

// progress shows what takes a while, on a terminal only; the returned function removes it.
func (u *ui) progress(format string, args ...any) (done func()) {
	if !u.terminal {
		return func() {}
	}
	fmt.Fprintf(u.w, "compile-cache: "+format+" ...", args...)
	return func() { fmt.Fprint(u.w, "\r\x1b[K") }
}

func (u *ui) say(kind, text string) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\n", " "))
	fmt.Fprintf(u.w, "compile-cache: %s: %s\n", kind, text)
	if u.annotate && kind != "hint" {
		fmt.Fprintf(u.w, "::%s::compile-cache: %s\n", kind, escapeCommand(text))
	}
}

// escapeCommand makes text safe as the value of a workflow command.
func escapeCommand(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// fail reports an error, with the hint it carries.
func (u *ui) fail(err error) {
	u.errorf("%v", err)
	var h *hinted
	if errors.As(err, &h) {
		u.hintf("%s", h.hint)
	}
}

// hinted is an error with advice.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// usageError is an error of the command line.
type usageError struct{ error }

const description = `Nothing is compiled twice: compile-cache answers compilers from what was compiled before.

The first thing to try, in any project:

    compile-cache run -- make

Settings come from the environment: COMPILE_CACHE_DIR (the instance: store, statistics, logs), COMPILE_CACHE_MAX_SIZE
(10GiB, 20%), COMPILE_CACHE_DISABLE=1, COMPILE_CACHE_READONLY=1, COMPILE_CACHE_RECACHE=1, COMPILE_CACHE_RECHECK=5%,
COMPILE_CACHE_LOG=debug, COMPILE_CACHE_IDLE_TIMEOUT=10m, COMPILE_CACHE_EXTRA_INPUTS, COMPILE_CACHE_KEY_ENV, COMPILE_CACHE_KEY_SALT,
COMPILE_CACHE_PURE_MACROS.

Machines share what they compile through COMPILE_CACHE_BUCKET: s3://bucket/prefix?region=..., or file:///directory.`
