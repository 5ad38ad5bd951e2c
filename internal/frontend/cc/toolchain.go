package cc

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

var _ frontend.Frontend = (*Frontend)(nil)

// chain is the Detail of a toolchain.
type chain struct {
	clang      bool
	apple      bool     // clang with versions of Apple's
	major      int      // of the version
	searchDirs []string // built-in directories of <name>, in order, as the compiler prints them
}

// Toolchain implements frontend.Frontend. What a compiler is made of is asked of it once, and known while every file that
// takes part is what it was, every name whose appearance would change the answer is still absent, and the directories
// whose contents were looked through list the same.
func (f *Frontend) Toolchain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	tc, err := f.toolchain(ctx, c, files, ask)
	if err == nil {
		c.Facts = append(c.Facts, sameDirectories(c, tc.Detail.(*chain), files)...)
	}
	return tc, err
}

func (f *Frontend) toolchain(ctx context.Context, c *compile.Compilation, files frontend.Files, ask frontend.Prober) (*compile.Toolchain, error) {
	key, err := chainKeyOf(c, files)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(flightPatience)
	defer patience.Stop()
	for {
		known, flight, first := f.chains.join(key)
		switch {
		case known != nil && known.current(files):
			return known.toolchain, known.refusal()
		case !first && flight != nil:
			select {
			case <-flight.done:
				if flight.found == nil {
					continue // its caller failed or gave up; perhaps we do not
				}
				return flight.found.toolchain, flight.found.refusal()
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-patience.C:
				// Whoever asks may be stopped, or gone; ask alone.
				found, err := probeChain(ctx, c, files, ask)
				if err != nil {
					return nil, err
				}
				return found.toolchain, found.refusal()
			}
		}
		if !first {
			f.chains.forget(key, known)
			continue
		}
		found, err := probeChain(ctx, c, files, ask)
		f.chains.finish(key, flight, found)
		if err != nil {
			return nil, err
		}
		return found.toolchain, found.refusal()
	}
}

// flightPatience bounds the wait for somebody else who asks the same compiler.
const flightPatience = 10 * time.Second

// chainVariables are those that decide which files make up a compiler, or what it answers when asked.
var chainVariables = []string{
	"PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LIBRARY_PATH",
	"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT",
	"CCC_OVERRIDE_OPTIONS", "CLANG_CONFIG_FILE_SYSTEM_DIR", "CLANG_CONFIG_FILE_USER_DIR", "CLANG_NO_DEFAULT_CONFIG",
	"SDKROOT", "SYSROOT", "DEVELOPER_DIR",
}

// chainKey names a question: which compiler, asked with what. A compiler finds its parts relative to where it lies, so a link
// that leads to an equal program elsewhere is another compiler.
type chainKey struct {
	program digest.Digest
	id      fileID
	rest    string
}

func chainKeyOf(c *compile.Compilation, files frontend.Files) (chainKey, error) {
	d := c.Detail.(*detail)
	fi, err := files.Stat(c.Program)
	if err != nil {
		return chainKey{}, compile.Refuse(compile.ReasonCompiler, c.Program)
	}
	program, err := files.ToolDigest(c.Program)
	if err != nil {
		return chainKey{}, compile.Refuse(compile.ReasonCompiler, c.Program)
	}
	var b strings.Builder
	b.Grow(512)
	part := func(s string) {
		b.WriteString(s)
		b.WriteByte(0)
	}
	part(c.Program)
	part(c.Language)
	relative := false
	for i, arg := range d.probeArgs {
		part(arg)
		relative = relative || dependsOnDir(arg)
		if path, ok := rootValue(d.probeArgs, i); ok {
			// gcc resolves links in its sysroot: where they lead is part of the answer.
			real, err := filepath.EvalSymlinks(absolute(c.Dir, path))
			if err != nil {
				real = "-"
			}
			part(real)
		}
	}
	if d.splitDwarf {
		part("objcopy")
	}
	part("")
	for _, name := range chainVariables {
		value, ok := c.Getenv(name)
		if !ok {
			part("-")
			continue
		}
		part("=" + value)
		if strings.HasSuffix(name, "PATH") || strings.HasSuffix(name, "PREFIX") {
			relative = relative || hasRelative(value)
		}
	}
	if relative {
		part(c.Dir)
	}
	return chainKey{program: program, id: fileID{fi.Dev, fi.Ino}, rest: b.String()}, nil
}

// rootValue returns the directory that args[i] names as the root of a compiler's own files.
func rootValue(args []string, i int) (path string, ok bool) {
	if i > 0 {
		switch args[i-1] {
		case "--sysroot", "-isysroot", "--gcc-toolchain", "-resource-dir", "-B":
			return args[i], true
		}
	}
	for _, option := range []string{"--sysroot=", "-isysroot", "--gcc-toolchain=", "--gcc-install-dir=", "-resource-dir=", "-B"} {
		if path, ok := strings.CutPrefix(args[i], option); ok && path != "" {
			return path, true
		}
	}
	return "", false
}

// dependsOnDir reports whether an argument may be, or hold, a path relative to the working directory.
func dependsOnDir(arg string) bool {
	if strings.HasPrefix(arg, "-") {
		option, value, ok := strings.Cut(arg, "=")
		switch option {
		case "--sysroot", "--gcc-toolchain", "--gcc-install-dir", "-resource-dir":
			return ok && !strings.HasPrefix(value, "/")
		}
		return strings.Contains(value, "/") && !strings.HasPrefix(value, "/")
	}
	return arg != "c" && arg != "c++" && !strings.HasPrefix(arg, "/")
}

// hasRelative reports whether a list of paths has an element that depends on the working directory.
func hasRelative(list string) bool {
	for element := range strings.SplitSeq(list, ":") {
		if !strings.HasPrefix(element, "/") {
			return true
		}
	}
	return false
}

// knownChain is an answer and what it rests on.
type knownChain struct {
	toolchain *compile.Toolchain
	refused   *compile.Decline // instead of a toolchain
	files     []watchedFile
	absent    []place
	listings  []listing
}

type watchedFile struct {
	path   string
	digest digest.Digest
}

// listing is the part of a directory's contents that a compiler looks through.
type listing struct {
	dir, prefix, suffix string
	names               []string
}

func (l *listing) read(files frontend.Files) ([]string, error) {
	all, err := files.Names(l.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range all {
		if strings.HasPrefix(name, l.prefix) && strings.HasSuffix(name, l.suffix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// refusal returns refused as an error that is nil where there is none.
func (k *knownChain) refusal() error {
	if k.refused != nil {
		return k.refused
	}
	return nil
}

// current reports whether everything the answer rests on is as it was.
func (k *knownChain) current(files frontend.Files) bool {
	for _, w := range k.files {
		if d, err := files.ToolDigest(w.path); err != nil || d != w.digest {
			return false
		}
	}
	for _, p := range k.absent {
		if files.Exists(p.dir, p.name) {
			return false
		}
	}
	for i := range k.listings {
		names, err := k.listings[i].read(files)
		if err != nil || !slices.Equal(names, k.listings[i].names) {
			return false
		}
	}
	return true
}

// chainMemory remembers answers, and who is asking at the moment. Beyond maxChains all are forgotten: a build has a
// handful, and asking again costs some milliseconds.
type chainMemory struct {
	mu      sync.Mutex // guards both maps
	known   map[chainKey]*knownChain
	flights map[chainKey]*chainFlight
}

const maxChains = 256

// chainFlight is a question that somebody is asking. found is set before done is closed; nil says that the asking failed.
type chainFlight struct {
	done  chan struct{}
	found *knownChain
}

// join returns what is known under key, else the flight that is under way, else a new one of which the caller is the first.
func (m *chainMemory) join(key chainKey) (known *knownChain, flight *chainFlight, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.known[key]; known != nil {
		return known, nil, false
	}
	if flight := m.flights[key]; flight != nil {
		return nil, flight, false
	}
	flight = &chainFlight{done: make(chan struct{})}
	if m.flights == nil {
		m.flights = make(map[chainKey]*chainFlight)
	}
	m.flights[key] = flight
	return nil, flight, true
}

// finish ends a flight; found is nil where the asking failed.
func (m *chainMemory) finish(key chainKey, flight *chainFlight, found *knownChain) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.flights, key)
	if found != nil {
		if m.known == nil || len(m.known) >= maxChains {
			m.known = make(map[chainKey]*knownChain)
		}
		m.known[key] = found
	}
	flight.found = found
	close(flight.done)
}

// forget drops an answer that is no longer current, unless it has been replaced already.
func (m *chainMemory) forget(key chainKey, known *knownChain) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[key] == known {
		delete(m.known, key)
	}
}

// asDecline returns the Decline that err is, or nil.
func asDecline(err error) *compile.Decline {
	var d *compile.Decline
	if errors.As(err, &d) {
		return d
	}
	return nil
}
