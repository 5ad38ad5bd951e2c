package procmacro

import (
	"regexp"
	"strings"
)

// What stat says of a file holds its times and rights too, which no key covers. The functions of the standard library that pick one of
// these out of it are seen by their names (directUse) in code that is not optimized. Optimized code holds them in itself: then nobody can tell which part
// of the whole it looks at, and it is taken to look at all. Nor can anybody of code that calls the C library's stat by itself.

// givesState reports whether a function is one of the standard library that hands out all that stat says.
func givesState(symbol string) bool {
	path := pathOf(symbol)
	if len(path) < 3 || path[0] != "std" {
		return false
	}
	switch path[len(path)-1] {
	case "metadata", "symlink_metadata", "stat", "lstat", "file_attr", "try_statx":
		return true
	}
	return false
}

// asksState are the C library's functions of that kind.
var asksState = set("stat", "stat64", "fstat", "fstat64", "lstat", "lstat64", "fstatat", "fstatat64", "statx",
	"__xstat", "__xstat64", "__fxstat", "__fxstat64", "__lxstat", "__lxstat64", "__fxstatat64")

// files are the parts of the standard library that take out of it what they say themselves, such as whether a file is there, and call no code of
// others.
var files = set("fs", "path", "sys", "sys_common", "env", "process", "os")

// isFiles reports whether a function is in one of these.
func isFiles(symbol string) bool {
	path := pathOf(symbol)
	if len(path) < 2 || path[0] != "std" || strings.Contains(symbol, "short_backtrace") || strings.Contains(symbol, "thread_local") {
		return false
	}
	return files[path[1]] || path[len(path)-1] == "available_parallelism"
}

// inlined are methods of a few instructions, such as Result::is_ok, that the standard library has made part of their callers, and the compiler does
// at every level but 0.
var inlined = regexp.MustCompile(`(?:5is_ok|6is_err|7is_some|7is_none|6as_ref|6branch)(?:17h[0-9a-f]{16}E|[^0-9_]|$)`)

// mapped are those of Result that call a closure, which is nobody else's.
var mapped = regexp.MustCompile(`(?:3map|7map_err)(?:17h[0-9a-f]{16}E|[^0-9_]|$)`)

// asRef is what of these is called for a type of any crate in the older mangling.
const asRef = "_$LT$$RF$T$u20$as$u20$core..convert..AsRef$LT$U$GT$$GT$6as_ref17h"

// isInlined reports whether a function is one of these, or one that picks the kind or size of a file out of what stat says: who calls it was not optimized.
func isInlined(symbol string) bool {
	path := pathOf(symbol)
	if len(path) == 4 && path[0] == "std" && path[1] == "fs" {
		switch path[2] + " " + path[3] {
		case "Metadata file_type", "Metadata is_dir", "Metadata is_file", "Metadata is_symlink", "Metadata len", "FileType is_dir", "FileType is_file", "FileType is_symlink":
			return true
		}
	}
	if len(path) > 1 && path[0] == "core" && path[1] == "result" && mapped.MatchString(symbol) {
		return true
	}
	return isStandard(symbol) && inlined.MatchString(symbol) || strings.Contains(symbol, asRef)
}
