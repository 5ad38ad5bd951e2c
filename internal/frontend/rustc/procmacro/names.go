package procmacro

import (
	"regexp"
	"slices"
	"strings"
)

// standard are the crates that make up Rust's standard library. A macro may use the small ones among them itself; its own code then
// reaches them.
var standard = set("std", "core", "alloc", "proc_macro", "panic_unwind", "panic_abort", "unwind", "compiler_builtins", "hashbrown", "gimli", "addr2line",
	"object", "miniz_oxide", "adler", "adler2", "rustc_demangle", "memchr", "cfg_if", "std_detect", "rustc_literal_escaper", "__rustc")

// runtime is code that each library has under a plain name.
var runtime = set("_init", "_fini", "frame_dummy", "deregister_tm_clones", "register_tm_clones", "__do_global_dtors_aux", "rust_eh_personality",
	"rust_begin_unwind", "rust_panic", "__rust_alloc", "__rust_dealloc", "__rust_realloc", "__rust_alloc_zeroed", "__rust_alloc_error_handler",
	"__rdl_alloc", "__rdl_dealloc", "__rdl_realloc", "__rdl_alloc_zeroed", "__rdl_oom", "__rg_oom", "__rust_drop_panic", "__rust_foreign_exception",
	"__rust_start_panic", "__rust_panic_cleanup", "__rust_no_alloc_shim_is_unstable", "__rust_no_alloc_shim_is_unstable_v2")

// isStandard reports whether a symbol is the standard library's or the runtime's.
func isStandard(symbol string) bool {
	if runtime[symbol] {
		return true
	}
	path := pathOf(symbol)
	return len(path) > 0 && standard[path[0]]
}

// machinery are functions, or all of a module or a type, whose work is not the macro's: what a panic does, the random seeds
// of hash tables, how long something took, and messages. What they read decides messages of failed compiles at most.
var machinery = []string{
	"core::panicking", "core::option::expect_failed", "core::option::unwrap_failed", "core::result::unwrap_failed", "core::cell::panic_already_borrowed",
	"core::cell::panic_already_mutably_borrowed",
	"std::panicking::default_hook", "std::panicking::panic_with_hook", "std::panicking::rust_panic_with_hook", "std::panicking::begin_panic_handler",
	"std::panicking::panic_handler", "std::panicking::rust_panic", "std::panicking::rust_panic_without_hook", "std::panicking::resume_unwind",
	"std::panic::get_backtrace_style",
	"std::backtrace", "std::backtrace_rs", "std::sys::backtrace", "std::sys_common::backtrace",
	"std::alloc::rust_oom", "std::alloc::default_alloc_error_hook", "std::alloc::handle_alloc_error", "alloc::alloc::handle_alloc_error", "std::process::abort",
	"__rustc::rust_begin_unwind", "__rustc::rust_panic", "__rustc::__rust_drop_panic", "__rustc::__rust_foreign_exception", "__rustc::__rust_alloc_error_handler",
	"rust_begin_unwind", "rust_panic",
	"std::sys::random", "std::sys::pal::unix::rand", "std::sys::unix::rand", "std::sys::rand",
	"std::time::Instant",
	"std::sys::stdio", "std::sys::pal::unix::stdio", "std::sys::unix::stdio",
}

// others are parts of machinery that call the macro's code, or read for it.
var others = []string{"short_backtrace", "stdin", "Stdin"}

// isMachinery reports whether a symbol is a function of the machinery.
func isMachinery(symbol string) bool {
	path := strings.Join(pathOf(symbol), "::")
	for _, m := range machinery {
		if rest, ok := strings.CutPrefix(path, m); ok && (rest == "" || strings.HasPrefix(rest, "::")) {
			return !slices.ContainsFunc(others, func(part string) bool { return strings.Contains(symbol, part) })
		}
	}
	// What is run once for random seeds. The module is private: no type of a macro can be named by it. A macro may have a module of that name,
	// though, and be called by the standard library.
	return isStandard(symbol) && (strings.Contains(symbol, "3std3sys6random") || strings.Contains(symbol, "std..sys..random") ||
		strings.Contains(symbol, "3sys6random") && isLibrarys(symbol))
}

// isAllowed returns which functions may refer to an import that is not otherwise harmless: the standard library asks the
// kernel for locks, and the dynamic linker whether the C library has this or that function, and it writes messages.
func isAllowed(name string) func(symbol string) bool {
	switch name {
	case "syscall":
		return func(symbol string) bool { return isLibrarys(symbol) || isLock(symbol) }
	case "dlsym":
		return isLibrarys
	case "write", "writev":
		return func(symbol string) bool {
			return isStandard(symbol) && strings.Contains(symbol, "stdio") && !strings.Contains(symbol, "2fs")
		}
	}
	return func(string) bool { return false }
}

// isLock reports whether a function is one of parking_lot's, which asks the kernel for locks as the standard library does.
func isLock(symbol string) bool {
	path := pathOf(symbol)
	return len(path) > 1 && path[0] == "parking_lot_core" && path[1] == "thread_parker"
}

// waits are where the standard library waits for locks and threads, in functions that hold no code of others.
var waits = []string{"std::sys::sync", "std::sys::pal", "std::sys::futex", "std::sys::fs", "std::sys::unix", "std::io::stdio", "std::thread::park", "std::thread::Thread"}

// crateRoot is how a crate is named in the newer mangling.
var crateRoot = regexp.MustCompile(`C(?:s[0-9A-Za-z]*_)?(\d+_?.*)`)

// isLibrarys reports whether a function is wholly the standard library's: one that calls what it is given may hold the macro's code in
// itself. The newer mangling tells by the crates it names; of the older one it is known of a few.
func isLibrarys(symbol string) bool {
	if rest, ok := strings.CutPrefix(symbol, "_R"); ok {
		for {
			m := crateRoot.FindStringSubmatch(rest)
			if m == nil {
				return isStandard(symbol)
			}
			id, after := v0Identifier(m[1])
			if !standard[id] {
				return false
			}
			rest = after
		}
	}
	path := strings.Join(pathOf(symbol), "::")
	return slices.ContainsFunc(waits, func(w string) bool { return path == w || strings.HasPrefix(path, w+"::") })
}

// manifestReaders are crates that look up, for a macro, by what name its user knows another crate. They read the manifests of the user's package and
// of its workspace, look at their times only in order not to read them again, and ask cargo where the workspace is. They call nothing of the macro's.
var manifestReaders = set("proc_macro_crate")

// readsManifest reports whether a symbol is a function of such a crate.
func readsManifest(symbol string) bool {
	path := pathOf(symbol)
	return len(path) > 0 && manifestReaders[path[0]]
}

// What a function says by its own name, wherever its work is done.
var direct = []struct{ path, use string }{
	{"std::env::args", "args"}, {"std::env::args_os", "args"}, {"std::sys::args", "args"},
	{"std::env::current_exe", "current_exe"}, {"std::sys::pal::unix::os::current_exe", "current_exe"}, {"std::sys::paths::unix::current_exe", "current_exe"},
	{"std::io::stdio::stdin", "stdin"}, {"std::io::stdio::Stdin", "stdin"},
	{"rustix", "system_calls"}, {"linux_raw_sys", "system_calls"}, {"syscalls", "system_calls"}, {"sc", "system_calls"},
	{"std::fs::Metadata::modified", "file_times"}, {"std::fs::Metadata::created", "file_times"}, {"std::fs::Metadata::accessed", "file_times"},
	{"std::time::SystemTime", "SystemTime"}, {"std::fs::Permissions", "file_rights"},
	{"getrandom", "random"}, {"rand_core", "random"}, {"fastrand", "random"},
}

// extendedTimes are the ways to times of files besides those of std::fs::Metadata itself, in either mangling.
var extendedTimes = regexp.MustCompile(`MetadataExt(?:\$GT\$)?\d+(?:as_raw_stat|(?:st_)?[acm]time)`)

// rights are the ways to a file's rights: the trees that count hold names and contents.
var rights = regexp.MustCompile(`(?:MetadataExt|PermissionsExt)(?:\$GT\$)?\d+(?:st_)?mode`)

// directUse returns what a function with these names does by its name alone, "" for nothing.
func directUse(names []string) string {
	for _, symbol := range names {
		if extendedTimes.MatchString(symbol) {
			return "file_times"
		}
		if rights.MatchString(symbol) {
			return "file_rights"
		}
		if strings.Contains(symbol, "local_file") && isStandard(symbol) {
			return "local_file" // Span's; its file() gives what names are mapped to
		}
		path := strings.Join(pathOf(symbol), "::")
		for _, d := range direct {
			rest, ok := strings.CutPrefix(path, d.path)
			if ok && (rest == "" || strings.HasPrefix(rest, "::")) && !strings.Contains(symbol, "ARGV_INIT_ARRAY") && !strings.Contains(symbol, "really_init") {
				return d.use
			}
		}
	}
	return ""
}

// pathOf returns what a symbol's name begins with, in either of Rust's manglings: the path of a function, the type or module of a
// method, or of a closure the function that it stands in. nil where it is not understood.
func pathOf(symbol string) []string {
	if rest, ok := strings.CutPrefix(symbol, "_ZN"); ok {
		return legacyPath(rest)
	}
	if rest, ok := strings.CutPrefix(symbol, "_R"); ok {
		return v0Path(rest)
	}
	if symbol == "" {
		return nil
	}
	return []string{symbol}
}

// legacyPath reads names such as 3std3env4_var17h0123456789abcdefE and 48_$LT$std..fs..File$u20$as$u20$std..io..Read$GT$4read17h...E.
func legacyPath(s string) []string {
	var path []string
	for {
		id, rest := identifier(s)
		if id == "" || rest == "" {
			return path
		}
		s = rest
		if typ, ok := strings.CutPrefix(id, "_$LT$"); ok && path == nil {
			for _, p := range []string{"$RF$", "mut$u20$", "dyn$u20$"} {
				typ = strings.TrimPrefix(typ, p)
			}
			if i := strings.IndexByte(typ, '$'); i >= 0 {
				typ = typ[:i]
			}
			path = strings.Split(typ, "..")
			continue
		}
		if rest == "E" && len(id) == 17 && id[0] == 'h' {
			return path
		}
		path = append(path, id)
	}
}

// backref is a type named by a path that was there before: in <impl in std::time>::Instant the first two words.
var backref = regexp.MustCompile(`^N[a-z]B[0-9A-Za-z]*_`)

// v0Path reads names such as NvNtCsi4IsKQVxMg0_3std3env4_var.
// See https://doc.rust-lang.org/rustc/symbol-mangling/v0.html.
func v0Path(s string) []string {
	for len(s) > 0 {
		tag := s[0]
		s = s[1:]
		switch tag {
		case 'N': // a name in a namespace
			if s == "" {
				return nil
			}
			s = s[1:]
		case 'M', 'X': // of a type; of a type's trait
			s = skipDisambiguator(s)
		case 'C':
			id, rest := v0Identifier(skipDisambiguator(s))
			path := []string{id}
			for {
				rest = rest[len(backref.FindString(rest)):]
				id, rest = v0Identifier(skipDisambiguator(rest))
				if id == "" {
					return path
				}
				path = append(path, id)
			}
		case 'I', 'Y', 'A', 'S', 'T', 'R', 'Q', 'P', 'O': // with arguments; types made of types
		case 'a', 'b', 'c', 'd', 'e', 'f', 'h', 'i', 'j', 'l', 'm', 'n', 'o', 's', 't', 'u', 'x', 'y', 'z': // basic types
		default:
			return nil
		}
	}
	return nil
}

// skipDisambiguator skips what tells names apart that are spelled alike.
func skipDisambiguator(s string) string {
	if !strings.HasPrefix(s, "s") {
		return s
	}
	if _, rest, ok := strings.Cut(s, "_"); ok {
		return rest
	}
	return s
}

// identifier reads a length and as many bytes.
func identifier(s string) (id, rest string) {
	n := 0
	for len(s) > 0 && s[0] >= '0' && s[0] <= '9' && n < 1<<20 {
		n = 10*n + int(s[0]-'0')
		s = s[1:]
	}
	if n > len(s) {
		return "", ""
	}
	return s[:n], s[n:]
}

// v0Identifier is identifier where "_" parts the length from bytes that begin like it.
func v0Identifier(s string) (id, rest string) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	return identifier(s[:digits] + strings.TrimPrefix(s[digits:], "_"))
}

// readable is a symbol's name for people.
func readable(symbol string) string {
	if path := pathOf(symbol); len(path) > 0 {
		return strings.Join(path, "::")
	}
	return symbol
}
