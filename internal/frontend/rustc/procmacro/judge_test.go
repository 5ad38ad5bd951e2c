//go:build linux && amd64

package procmacro

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build compiles a library of one macro, the body of which is given, and returns its bytes.
func build(t *testing.T, body string, args ...string) []byte {
	t.Helper()
	rustc, err := exec.LookPath("rustc")
	if err != nil {
		t.Skip("skipped: no rustc in PATH")
	}
	dir := t.TempDir()
	source, library := filepath.Join(dir, "m.rs"), filepath.Join(dir, "libm.so")
	text := "#![allow(unused)]\nuse proc_macro::TokenStream;\nuse std::{collections::HashMap, env, fs, io::Read, path::Path, process::Command, time::*};\n" +
		"fn out(s: impl std::fmt::Debug) -> TokenStream { format!(\"{s:?}\").parse().unwrap() }\n" +
		"#[proc_macro]\npub fn m(t: TokenStream) -> TokenStream {\n" + body + "\n}\n"
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--crate-name", "m", source, "--edition=2021", "--crate-type", "proc-macro", "--extern", "proc_macro", "-o", library}, args...)
	cmd := exec.Command(rustc, args...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rustc: %v\n%s", err, said)
	}
	b, err := os.ReadFile(library)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// level says in a word what a library can do.
func level(t Traits) string {
	switch {
	case !t.Macro:
		return "no macro"
	case t.Refused != "":
		return t.Refused
	case t.Files:
		return "files"
	case t.Variables:
		return "variables"
	}
	return "tokens"
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"nothing": {`t`, "tokens"},
		"panics, hashes, threads and messages": {`let mut h = HashMap::new(); for x in t { *h.entry(x.to_string()).or_insert(0) += 1; }
			eprintln!("{}", h.len()); if h.len() > 9 { panic!("many {h:?}") }
			let m = std::sync::Mutex::new(1); let v = std::panic::catch_unwind(|| 7).unwrap(); let w = *m.lock().unwrap(); out(v + w)`, "tokens"},
		"how long it took":    {`let at = Instant::now(); let s = t.to_string(); eprintln!("{:?}", at.elapsed()); out(s)`, "tokens"},
		"var":                 {`out(env::var("A").unwrap_or_default())`, "variables"},
		"var_os":              {`out(env::var_os("A").is_some())`, "variables"},
		"in a closure":        {`out(std::panic::catch_unwind(|| env::var("A").is_ok()).unwrap())`, "variables"},
		"as a value":          {`static F: [fn(&'static str) -> Option<std::ffi::OsString>; 1] = [env::var_os::<&'static str>]; out((F[t.into_iter().count()])("A").is_some())`, "variables"},
		"as a lazy value":     {`static L: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| env::var("A").is_ok()); out(*L)`, "variables"},
		"by a trait":          {`trait T { fn f(&self) -> bool; } impl T for u8 { fn f(&self) -> bool { Path::new("a").is_dir() } } let b: Box<dyn T> = Box::new(1u8); out(b.f())`, "files"},
		"read":                {`out(fs::read("a").unwrap_or_default().len())`, "files"},
		"read_to_string":      {`out(fs::read_to_string("a").unwrap_or_default())`, "files"},
		"open":                {`let mut s = String::new(); if let Ok(mut f) = fs::File::open("a") { f.read_to_string(&mut s); } out(s)`, "files"},
		"read_dir":            {`out(fs::read_dir(".").unwrap().count())`, "files"},
		"current_dir":         {`out(env::current_dir().unwrap())`, "files"},
		"canonicalize":        {`out(fs::canonicalize("a").is_ok())`, "files"},
		"read_link":           {`out(fs::read_link("a").is_ok())`, "files"},
		"current_dir as text": {`let f: fn() -> std::io::Result<std::path::PathBuf> = env::current_dir; out(std::hint::black_box(f)().unwrap())`, "files"},
		"vars":                {`out(env::vars().count())`, allVariables},
		"SystemTime":          {`out(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())`, clock},
		"elapsed":             {`out(fs::metadata("a").unwrap().modified().unwrap().elapsed().is_ok())`, clock},
		"modified":            {`out(fs::metadata("a").unwrap().modified().unwrap() > fs::metadata("b").unwrap().modified().unwrap())`, fileTimes},
		"Command":             {`out(Command::new("git").arg("log").output().unwrap().stdout)`, anyProgram},
		"TcpStream":           {`out(std::net::TcpStream::connect("localhost:80").is_ok())`, network},
		"UdpSocket":           {`out(std::net::UdpSocket::bind("0.0.0.0:0").is_ok())`, network},
		"fs::write":           {`fs::write("a", "b"); t`, writes},
		"writes":              {`use std::io::Write; writeln!(fs::OpenOptions::new().append(true).open("a").unwrap(), "{}", t); t`, writes},
		"create_dir":          {`fs::create_dir("a"); t`, writes},
		"remove_file":         {`fs::remove_file("a"); t`, writes},
		"args":                {`out(env::args().count())`, arguments},
		"stdin":               {`let mut s = String::new(); std::io::stdin().read_line(&mut s); out(s)`, arguments},
		"process::id":         {`out(std::process::id())`, unknown},
		"C":                   {`extern "C" { fn gethostid() -> i64; } out(unsafe { gethostid() })`, unknown},
		"C that reads":        {`extern "C" { fn getenv(s: *const u8) -> *const u8; } out(unsafe { getenv(b"A\0".as_ptr()) }.is_null())`, "variables"},
		"C by a table": {`extern "C" { fn getenv(s: *const u8) -> *const u8; fn strlen(s: *const u8) -> usize; }
			struct F { name: &'static str, f: unsafe extern "C" fn(*const u8) -> *const u8, n: unsafe extern "C" fn(*const u8) -> usize }
			static F: [F; 2] = [F { name: "a", f: getenv, n: strlen }, F { name: "b", f: getenv, n: strlen }];
			let f = &F[t.into_iter().count()]; out((f.name, unsafe { (f.f)(b"A\0".as_ptr()) }.is_null(), unsafe { (f.n)(b"A\0".as_ptr()) }))`, "variables"},
		"C by name":          {`extern "C" { fn dlsym(h: usize, s: *const u8) -> usize; } out(unsafe { dlsym(0, b"getenv\0".as_ptr()) })`, unknown},
		"C's random numbers": {`extern "C" { fn getrandom(b: *mut u8, n: usize, f: u32) -> isize; } let mut b = [0u8; 8]; unsafe { getrandom(b.as_mut_ptr(), 8, 0) }; out(b)`, randomness},
		"a system call by C": {`extern "C" { fn syscall(n: i64, ...) -> i64; } out(unsafe { syscall(39) })`, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			builds := [][]string{nil, {"-Copt-level=3", "-Csymbol-mangling-version=v0"}}
			if c.want != unknown && strings.Contains(c.want, " ") {
				builds = builds[:1] // imports tell, whatever code calls them
			}
			for _, args := range builds {
				traits, err := Judge(build(t, c.body, args...))
				if err != nil {
					t.Fatal(err)
				}
				if got := level(traits); got != c.want && !strings.HasPrefix(got, c.want+" (") || !traits.Traced {
					t.Errorf("Judge of a macro built with %v: %s, traced %t, want %s", args, got, traits.Traced, c.want)
				}
			}
		})
	}
}

// Of a library without a symbol table the imports alone tell.
func TestJudgeStripped(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`t`: "files",
		`let mut h = HashMap::new(); for x in t { *h.entry(x.to_string()).or_insert(0) += 1; } out(h.len())`: "files",
		`out(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())`:                               clock,
		`out(Command::new("git").arg("log").output().unwrap().stdout)`:                                       anyProgram,
	} {
		traits, err := Judge(build(t, body, "-Cstrip=symbols"))
		if err != nil {
			t.Fatal(err)
		}
		if got := level(traits); got != want && !strings.HasPrefix(got, want+" (") || traits.Traced {
			t.Errorf("Judge of %s, stripped: %s, traced %t, want %s", body, got, traits.Traced, want)
		}
	}
}

// Times of files alone may be known to do no harm.
func TestTimesOnly(t *testing.T) {
	t.Parallel()
	const times = `let m = fs::metadata("a").unwrap().modified().unwrap();`
	for body, want := range map[string]bool{
		times + `out(fs::metadata("b").unwrap().modified().unwrap() > m)`: true,
		times + `fs::write("a", "b"); out(m)`:                             false,
		times + `out(m.elapsed().is_ok())`:                                false,
		times + `out((m, std::process::id()))`:                            false,
		`t`:                                                               false,
	} {
		traits, err := Judge(build(t, body))
		if err != nil {
			t.Fatal(err)
		}
		if traits.TimesOnly != want {
			t.Errorf("Judge of %s: times only %t, want %t (%s)", body, traits.TimesOnly, want, traits.Refused)
		}
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	traits, err := Judge(build(t, `out(env::var("SOURCE_DATE_EPOCH").is_ok())`, "-Copt-level=3"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"SOURCE_DATE_EPOCH": true, "SOURCE_DATE_EPOCHS": false, "SOURCE": false} {
		if got := traits.Holds(name); got != want {
			t.Errorf("Holds(%s) = %t, want %t", name, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`out(proc_macro::Span::call_site().local_file())`: true,
		`out(proc_macro::Span::call_site().file())`:       false,
		`t`: false,
	} {
		for _, args := range [][]string{nil, {"-Copt-level=3", "-Csymbol-mangling-version=v0"}, {"-Cstrip=symbols"}} {
			traits, err := Judge(build(t, body, args...))
			if err != nil {
				t.Fatal(err)
			}
			if want := want || !traits.Traced; traits.Places != want || traits.Traced && level(traits) != "tokens" {
				t.Errorf("%s built with %v: places %t, %s, want %t", body, args, traits.Places, level(traits), want)
			}
		}
	}
}

func TestRepository(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{".git/HEAD": true, ".git": true, ".github/workflows": false, ".gitignore": false, "a.txt": false} {
		traits, err := Judge(build(t, `out(fs::read("`+text+`").unwrap_or_default().len())`))
		if err != nil {
			t.Fatal(err)
		}
		if got := traits.Repository; got != want {
			t.Errorf("macro that reads %s names a repository: %t, want %t", text, got, want)
		}
	}
}

// What stat says is not seen in optimized code but as a whole; code that is not optimized names the part that it looks at.
func TestState(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct{ plain, optimized string }{
		`use std::os::unix::fs::MetadataExt; out(fs::metadata("a").unwrap().mtime())`:                           {fileTimes, fileState},
		`use std::os::linux::fs::MetadataExt; out(fs::File::open("a").unwrap().metadata().unwrap().st_ctime())`: {fileTimes, fileState},
		`use std::os::linux::fs::MetadataExt; out(fs::metadata("a").unwrap().as_raw_stat().st_mtime)`:           {fileTimes, fileState},
		`use std::os::unix::fs::PermissionsExt; out(Path::new("a").metadata().unwrap().permissions().mode())`:   {fileRights, fileState},
		`out(fs::symlink_metadata("a").unwrap().permissions().readonly())`:                                      {fileRights, fileState},
		`out(fs::read_dir(".").unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect::<Vec<_>>())`:     {"files", fileState},
		`out(fs::metadata("a").map(|m| m.len()).unwrap_or(0))`:                                                  {"files", fileState},
		`out(fs::metadata("a").is_ok())`: {"files", fileState},
		`out((Path::new("a").is_dir(), fs::read_dir(".").unwrap().map(|e| e.unwrap().file_type().unwrap().is_dir()).count()))`: {"files", "files"},
		`out(std::thread::available_parallelism())`: {"files", "files"},
		`extern "C" { fn stat64(s: *const u8, b: *mut [u64; 18]) -> i32; } let mut b = [0u64; 18]; unsafe { stat64(b"a\0".as_ptr(), &mut b) }; out(b[11])`: {fileState, fileState},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				args []string
				want string
			}{{nil, want.plain}, {[]string{"-Copt-level=1"}, want.optimized}, {[]string{"-Copt-level=3", "-Csymbol-mangling-version=v0"}, want.optimized}} {
				traits, err := Judge(build(t, body, c.args...))
				if err != nil {
					t.Fatal(err)
				}
				if got := level(traits); got != c.want && !strings.HasPrefix(got, c.want+" (") || !traits.Traced {
					t.Errorf("Judge of a macro built with %v: %s, traced %t, want %s", c.args, got, traits.Traced, c.want)
				}
			}
		})
	}
}
