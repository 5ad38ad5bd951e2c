package cc

import (
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
)

// Variables that gcc, clang, their assembler or the loader of these programs read, and that may change an output or a message.
// PATH is not among them: it only chooses the assembler, whose content is in the toolchain.
var variables = sorted(
	// Messages.
	"LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LOCPATH", "NLSPATH", "OUTPUT_CHARSET", "GCONV_PATH",
	"GCC_COLORS", "GCC_URLS", "TERM_URLS", "GCC_EXTRA_DIAGNOSTIC_OUTPUT",
	// Where files are found.
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LIBRARY_PATH", "SDKROOT",
	"DEVELOPER_DIR", "TOOLCHAINS", "INCLUDE", "EXTERNAL_INCLUDE", "CLANG_CONFIG_FILE_SYSTEM_DIR", "CLANG_CONFIG_FILE_USER_DIR",
	"CLANG_NO_DEFAULT_CONFIG",
	// What is generated.
	"SOURCE_DATE_EPOCH", "CCC_OVERRIDE_OPTIONS", "QA_OVERRIDE_GCC3_OPTIONS", "RC_DEBUG_OPTIONS", "RC_DEBUG_PREFIX_MAP",
	"MACOSX_DEPLOYMENT_TARGET", "IPHONEOS_DEPLOYMENT_TARGET", "TVOS_DEPLOYMENT_TARGET", "WATCHOS_DEPLOYMENT_TARGET",
	"XROS_DEPLOYMENT_TARGET", "DRIVERKIT_DEPLOYMENT_TARGET", "GNUTARGET", "LLVM_OVERRIDE_PRODUCER",
	// The code that runs.
	"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GLIBC_TUNABLES", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH",
	"DYLD_FRAMEWORK_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
)

// terminalVariables are variables and those read only where stderr is a terminal or colour is asked for.
var terminalVariables = sorted(append([]string{"TERM", "COLUMNS", "COLORTERM", "VTE_VERSION", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"},
	variables...)...)

// Cargo gives build scripts a list of directories for the loader that names its target directory, so that C compiled there would miss in
// any other. Where the toolchain says all that follows from the list, it does not count.
const loaderPath = "LD_LIBRARY_PATH"

var (
	variablesNoLoader         = withoutLoaderPath(variables)
	terminalVariablesNoLoader = withoutLoaderPath(terminalVariables)
)

func withoutLoaderPath(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == loaderPath })
}

// namesOf returns the variables that count in an environment, with those of terminals where it asks for them.
func namesOf(env []string, terminal bool) []string {
	known := toolchainTellsLoader(env)
	switch {
	case known && terminal:
		return terminalVariablesNoLoader
	case known:
		return variablesNoLoader
	case terminal:
		return terminalVariables
	}
	return variables
}

// toolchainTellsLoader reports whether the toolchain says all that follows from LD_LIBRARY_PATH, the libraries that are loaded, by content:
// its directories are named from the root, and nothing else is asked of the loader.
func toolchainTellsLoader(env []string) bool {
	for _, kv := range env {
		if kv == "" || kv[0] != 'L' && kv[0] != 'G' {
			continue // each hit pays for this loop
		}
		name, value, _ := strings.Cut(kv, "=")
		switch name {
		case "LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES":
			return false
		case loaderPath:
			for element := range strings.SplitSeq(strings.ReplaceAll(value, ";", ":"), ":") {
				if !strings.HasPrefix(element, "/") || strings.Contains(element, "$") {
					return false // the working directory, or what the loader fills in
				}
			}
		}
	}
	return true
}

// refusedVariables make gcc or clang write another file or compile in another way.
var refusedVariables = map[string]bool{
	"DEPENDENCIES_OUTPUT": true, "SUNPRO_DEPENDENCIES": true, "GCC_COMPARE_DEBUG": true, "AS_SECURE_LOG_FILE": true,
	"CC_PRINT_OPTIONS": true, "CC_PRINT_OPTIONS_FILE": true, "CC_PRINT_HEADERS": true, "CC_PRINT_HEADERS_FILE": true,
	"CC_LOG_DIAGNOSTICS": true, "CC_LOG_DIAGNOSTICS_FILE": true, "CC_PRINT_PROC_STAT": true, "CC_PRINT_PROC_STAT_FILE": true,
	"CC_PRINT_INTERNAL_STAT": true, "CC_PRINT_INTERNAL_STAT_FILE": true,
}

func sorted(names ...string) []string {
	slices.Sort(names)
	return names
}

// environment looks for variables that decline the call and returns PWD.
func environment(env []string) (pwd string, d *compile.Decline) {
	havePWD := false
	for _, kv := range env {
		if kv == "" {
			continue
		}
		switch kv[0] {
		case 'P':
			if !havePWD && strings.HasPrefix(kv, "PWD=") {
				pwd, havePWD = kv[len("PWD="):], true
			}
		case 'D', 'S', 'G', 'A', 'C':
			name, _, _ := strings.Cut(kv, "=")
			if refusedVariables[name] {
				return pwd, compile.Refuse(compile.ReasonEnvironment, name)
			}
		}
	}
	return pwd, nil
}
