package main

import (
	"os"
	"path/filepath"
)

// toolchains returns the large files of the compilers in path, so that the daemon can hash them before the first compile
// asks: cc1plus alone takes some 30 ms, libLLVM 100. What is not guessed here is hashed when it is needed.
func toolchains(path string) []string {
	var files []string
	seen := map[string]bool{}
	add := func(patterns ...string) {
		for _, pattern := range patterns {
			matches, _ := filepath.Glob(pattern)
			for _, m := range matches {
				real, err := filepath.EvalSymlinks(m)
				if err != nil || seen[real] {
					continue
				}
				seen[real] = true
				if fi, err := os.Stat(real); err == nil && fi.Mode().IsRegular() {
					files = append(files, real)
				}
			}
		}
	}
	for _, dir := range filepath.SplitList(path) {
		prefix := filepath.Dir(dir)
		if gcc := filepath.Join(dir, "gcc"); exists(gcc) {
			add(gcc, filepath.Join(dir, "g++"), filepath.Join(dir, "as"))
			add(filepath.Join(prefix, "lib*", "gcc", "*", "*", "cc1"), filepath.Join(prefix, "lib*", "gcc", "*", "*", "cc1plus"))
		}
		if real, err := filepath.EvalSymlinks(filepath.Join(dir, "clang")); err == nil {
			lib := filepath.Join(filepath.Dir(filepath.Dir(real)), "lib")
			add(real, filepath.Join(lib, "libLLVM*.so*"), filepath.Join(lib, "libclang-cpp.so*"))
		}
	}
	return files
}
