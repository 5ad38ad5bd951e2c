package linker

import "path/filepath"

// IsComponent reports whether programs of a target are components: they are made by a linker that starts lld, which lies beside it in the
// sysroot, and turns what that made into one.
func IsComponent(target string) bool { return target == "wasm32-wasip2" }

// direct makes the linker part of the toolchain, and refuses where it or the compiler does not know what Plan adds.
func (p *probe) direct(bins []string) error {
	name := p.call.Driver
	if name == "" {
		name = "rust-lld"
	}
	if IsComponent(p.by.Target) {
		name = "wasm-component-ld"
	}
	p.tools.Program = name
	path, err := p.driver(name, bins)
	if err != nil {
		return err
	}
	if IsComponent(p.by.Target) && (filepath.Dir(path) != bins[0] || !p.Files.Exists(bins[0], "rust-lld")) {
		return p.Refuse("%s is not the compiler's own, or has no lld beside it", path)
	}
	argv := []string{path, "-flavor", string(p.call.Direct), "--version"}
	if p.call.Direct == ELF {
		argv = append(argv, "--dependency-file=/dev/null")
	}
	if _, err := p.askDriver(argv); err != nil {
		return err
	}
	_, err = p.Say([]string{p.C.Program, "--print", "sysroot", "--print", "link-args=/dev/null"})
	return err
}
