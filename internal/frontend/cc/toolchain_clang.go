package cc

import (
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// integratedTargets are the targets for which clang assembles by itself.
var integratedTargets = []string{"x86_64", "i386", "i486", "i586", "i686", "aarch64", "arm", "thumb", "riscv", "powerpc", "mips", "s390x", "loongarch", "wasm"}

// clang adds what clang consists of: configuration files, the lists of its sanitizers; and rests on the gcc installations
// it chose from.
func (p *probe) clang(v verbose) error {
	for _, arg := range p.C.Args {
		if arg == "-fno-integrated-as" || arg == "-no-integrated-as" {
			return compile.Refuse(compile.ReasonOption, arg)
		}
	}
	integrated := false
	for _, target := range integratedTargets {
		integrated = integrated || strings.HasPrefix(v.triple, target)
	}
	if !integrated || strings.Contains(v.triple, "aix") {
		return p.Refuse("clang's target %q may use an external assembler", v.triple)
	}
	if v.cc1 != "" && v.cc1 != p.C.Program {
		if err := p.program("cc1", frontend.Absolute(p.C.Dir, v.cc1)); err != nil {
			return err
		}
	}
	for _, path := range v.configs {
		path = frontend.Absolute(p.C.Dir, path)
		if err := p.part("configuration "+filepath.Base(path), path); err != nil {
			return err
		}
		text, _, err := p.Files.Read(path, 1<<20)
		if err != nil {
			return p.Refuse("%v", err)
		}
		if word := strangeConfiguration(string(text)); word != "" {
			return p.Refuse("%s in %s", word, path)
		}
	}
	dirs := v.configDirs
	for _, dir := range []string{filepath.Dir(p.C.Program), v.installedDir, filepath.Dir(v.cc1)} {
		if dir != "" && dir != "." {
			dirs = append(dirs, dir)
		}
	}
	for _, name := range []string{"CLANG_CONFIG_FILE_SYSTEM_DIR", "CLANG_CONFIG_FILE_USER_DIR"} {
		if dir, ok := p.C.Getenv(name); ok && dir != "" {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		if _, err := p.List(frontend.Absolute(p.C.Dir, dir), "", ".cfg"); err != nil {
			return err
		}
	}
	for _, installation := range v.installations {
		if err := p.GCCInstallation(frontend.Absolute(p.C.Dir, installation)); err != nil {
			return err
		}
	}
	if v.resourceDir == "" {
		return nil
	}
	share := frontend.Under(frontend.Absolute(p.C.Dir, v.resourceDir), "share")
	names, err := p.List(share, "", "list.txt")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := p.part("resource "+name, frontend.Under(share, name)); err != nil {
			return err
		}
	}
	return nil
}

// plainConfiguration starts the words of a configuration file that change what is compiled in no way that matters here:
// the file is part of the toolchain by content, and its search directories are among those that clang prints.
var plainConfiguration = []string{
	"-m", "--target=", "--sysroot=", "-stdlib=", "-isystem", "-W", "-O", "-l", "-L", "-rtlib=", "--rtlib=", "-unwindlib=", "--unwindlib=",
	"--gcc-toolchain=", "--gcc-install-dir=", "-std=", "-pthread", "-fuse-ld=", "-fno-", "-fPIC", "-fPIE", "-fstack-protector",
	"-fstack-clash-protection", "-fcf-protection", "-D_FORTIFY_SOURCE",
}

// strangeConfiguration returns the first word of a configuration file that could make clang read or write what Parse does
// not know of, "" for none.
func strangeConfiguration(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.Fields(line) {
			plain := !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "@") || strings.HasPrefix(word, "-Wl,")
			for _, start := range plainConfiguration {
				plain = plain || strings.HasPrefix(word, start) && !strings.HasPrefix(word, "-Wp,") && !strings.HasPrefix(word, "-Wa,") && word != "-mllvm"
			}
			if !plain {
				return word
			}
		}
	}
	return ""
}
