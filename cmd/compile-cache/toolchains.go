package main

import (
	"path/filepath"
)

// warmFiles returns the large files of the compilers that builds in dir will use, so that the daemon can hash them before the first compile
// asks: cc1plus alone takes some 30 ms, libLLVM 100. What is not guessed here is hashed when it is needed. Where a cargo project is
// built, that is Rust's alone: the crate that compiles C comes later, if at all, and until then the processors are wanted for other things.
func (a *app) warmFiles(dir string) []string {
	if files := a.rustToolchain(dir); len(files) > 0 {
		return files
	}
	return toolchains(a.getenv("PATH"))
}

// toolchains returns the large files of the C compilers in path.
func toolchains(path string) []string {
	var patterns []string
	for _, dir := range filepath.SplitList(path) {
		prefix := filepath.Dir(dir)
		if gcc := filepath.Join(dir, "gcc"); exists(gcc) {
			patterns = append(patterns, gcc, filepath.Join(dir, "g++"), filepath.Join(dir, "as"),
				filepath.Join(prefix, "lib*", "gcc", "*", "*", "cc1"), filepath.Join(prefix, "lib*", "gcc", "*", "*", "cc1plus"))
		}
		if real, err := filepath.EvalSymlinks(filepath.Join(dir, "clang")); err == nil {
			lib := filepath.Join(filepath.Dir(filepath.Dir(real)), "lib")
			patterns = append(patterns, real, filepath.Join(lib, "libLLVM*.so*"), filepath.Join(lib, "libclang-cpp.so*"))
		}
	}
	return filesOf(patterns...)
}
