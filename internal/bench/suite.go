package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options are what the benchmark is asked for. Fields without a remark must be set.
type Options struct {
	Programs string   // directory of ccwrap and compile-cache
	Dir      string   // where everything is made; must not exist or be empty
	Cases    []string // of CaseNames, in this order
	Env      []string
	Now      func() time.Time
	Progress io.Writer

	Rounds      int           // of hits
	BuildRounds int           // of whole builds
	PlainRounds int           // of Rounds, those in which the plain compiler runs as well
	Flags       []string      // of the compiler, as -O2
	HoldFor     time.Duration // each measurement over held connections
	Herd        int           // wrappers at once
	Project     Project

	// Of the case bucket.
	BucketFiles int             // of the project that is generated for it
	RoundTrips  []time.Duration // between machine and bucket
	S3          string          // http://HOST:PORT/BUCKET; "": a versitygw is started
	Versitygw   string          // its program; "": from PATH
	DropCaches  bool            // the page cache, before each build, where that is permitted
}

// Project is what the cases project, tax and bucket build. Where Dir is empty one is generated.
type Project struct {
	Files, Headers, Jobs int // of the generated one
	Seed                 uint64
	AllCXX               bool // not only one source of four

	Dir, Build, Clean string // a directory and two commands for sh
}

// CaseNames are all cases, DefaultCases those that run where none is named, in this order. The case bucket needs a server.
var (
	CaseNames    = append(slices.Clip(DefaultCases), "bucket")
	DefaultCases = []string{"small", "headers", "project", "tax", "daemon", "herd"}
)

// suite is a run of the benchmark.
type suite struct {
	Options
	env    []string // without settings of caches and names of jobs
	ccache string   // path, "" for none
	cc     string
	cxx    string
	report *Report
}

// Run runs the cases one after another. What it started has ended when it returns; what it made under Dir is left to the caller.
func Run(ctx context.Context, o Options) (*Report, error) {
	s := &suite{Options: o, env: plainEnvironment(o.Env)}
	if !supported {
		return nil, fmt.Errorf("the benchmark does not run on %s", runtime.GOOS)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	cases := map[string]func(context.Context) (*Case, error){
		"small": s.small, "headers": s.headers, "project": s.project, "tax": s.tax, "daemon": s.daemonCase, "herd": s.herd,
		"bucket": s.bucket,
	}
	for _, name := range o.Cases {
		run, ok := cases[name]
		if !ok {
			return nil, fmt.Errorf("no case %q; there are %s", name, strings.Join(CaseNames, ", "))
		}
		s.say("%s", name)
		c, err := run(ctx)
		if err != nil {
			return nil, fmt.Errorf("case %s: %w", name, err)
		}
		c.Name = name
		s.report.Cases = append(s.report.Cases, c)
	}
	s.report.Gates = Gates(s.report.Cases)
	s.report.Machine.LoadEnd = load()
	s.report.Seconds = round(o.Now().Sub(s.report.Began).Seconds())
	return s.report, nil
}

// prepare looks for the programs and describes the machine.
func (s *suite) prepare(ctx context.Context) error {
	for _, name := range []string{"ccwrap", "compile-cache"} {
		if err := isProgram(s.program(name)); err != nil {
			return fmt.Errorf("%w (go build -o %s ./cmd/... builds both)", err, s.Programs)
		}
	}
	if s.cc = s.lookPath("gcc"); s.cc == "" {
		return errors.New("no gcc in PATH")
	}
	if s.cxx = s.lookPath("g++"); s.cxx == "" {
		return errors.New("no g++ in PATH")
	}
	s.ccache = s.lookPath("ccache")
	s.report = &Report{Schema: Schema, Began: s.Now().UTC(), Machine: describeMachine()}
	v := &s.report.Versions
	v.CompileCache = strings.TrimPrefix(s.firstLine(ctx, s.program("compile-cache"), "version"), "compile-cache ")
	v.CC, v.CXX = s.firstLine(ctx, s.cc, "--version"), s.firstLine(ctx, s.cxx, "--version")
	if s.ccache != "" {
		v.Ccache = s.firstLine(ctx, s.ccache, "--version")
	}
	return nil
}

func (s *suite) program(name string) string { return filepath.Join(s.Programs, name) }

func (s *suite) say(format string, args ...any) {
	fmt.Fprintf(s.Progress, format+"\n", args...)
}

// directory makes an empty directory below the run's own.
func (s *suite) directory(names ...string) (string, error) {
	dir := filepath.Join(append([]string{s.Dir}, names...)...)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// lookPath finds a program by PATH, not through a directory of another cache's links. "" where there is none.
func (s *suite) lookPath(name string) string {
	for _, dir := range filepath.SplitList(getenv(s.env, "PATH")) {
		path := filepath.Join(dir, name)
		if isProgram(path) != nil {
			continue
		}
		target, err := filepath.EvalSymlinks(path)
		if base := filepath.Base(target); err != nil || name != base && (base == "ccache" || base == "ccwrap" || base == "sccache") {
			continue
		}
		return path
	}
	return ""
}

func isProgram(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() || fi.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is no program", path)
	}
	return nil
}

// foreignVariables begin the names of variables that would steer a cache, a job's name or make.
var foreignVariables = []string{
	"COMPILE_CACHE_", "CCACHE_", "SCCACHE_", "GITHUB_", "RUNNER_", "CI_JOB_ID=", "BUILDKITE_JOB_ID=", "CIRCLE_WORKFLOW_JOB_ID=",
	"BUILD_TAG=", "MAKE", "MFLAGS=", "CPATH=", "C_INCLUDE_PATH=", "CPLUS_INCLUDE_PATH=", "SOURCE_DATE_EPOCH=",
}

// plainEnvironment returns env without the settings of others.
func plainEnvironment(env []string) []string {
	var out []string
next:
	for _, kv := range env {
		for _, prefix := range foreignVariables {
			if strings.HasPrefix(kv, prefix) {
				continue next
			}
		}
		out = append(out, kv)
	}
	return out
}

func getenv(env []string, name string) string {
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// with returns env with more variables, which replace those of the same names.
func with(env []string, more ...string) []string {
	var out []string
	for _, kv := range env {
		replaced := false
		for _, m := range more {
			name, _, _ := strings.Cut(m, "=")
			replaced = replaced || strings.HasPrefix(kv, name+"=")
		}
		if !replaced {
			out = append(out, kv)
		}
	}
	return append(out, more...)
}
