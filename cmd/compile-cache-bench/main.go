// Command compile-cache-bench measures compile-cache side by side with the plain compiler and with ccache; see internal/bench.
//
//	go build -o DIR ./cmd/... && DIR/compile-cache-bench small headers
//	DIR/compile-cache-bench rust --project DIR
//
// The second measures cargo builds, beside sccache, kache and mbx where these are installed.
//
// Exit status: 0; 1 where a case failed; 2 for wrong usage. A gate that is not met is shown, not an error: what a
// machine measures while others use it proves nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/compile-cache/compile-cache-action/internal/bench"
)

type flags struct {
	Cases []string `arg:"" optional:"" name:"case" help:"Of small, headers, project, tax, daemon, herd, bucket; all but bucket where none is given."`

	JSON     string        `name:"json" placeholder:"FILE" help:"Also write the report as JSON."`
	Programs string        `placeholder:"DIR" help:"Where ccwrap and compile-cache are; default: beside this program."`
	Dir      string        `placeholder:"DIR" help:"Where to work; default: a temporary directory."`
	Keep     bool          `help:"Keep what was made."`
	N        int           `short:"n" default:"40" help:"Rounds of a hit."`
	Plain    int           `default:"4" help:"Rounds of a hit in which the plain compiler runs as well."`
	Builds   int           `default:"3" help:"Rounds of a whole build."`
	Flags    string        `default:"-O2" help:"Flags of the compiler."`
	Time     time.Duration `default:"3s" help:"Length of each measurement over held connections."`
	Herd     int           `default:"5000" help:"Wrappers at once."`

	Files   int    `default:"200" help:"Files of the generated project."`
	Headers int    `default:"150" help:"Headers of each of its files, about."`
	Jobs    int    `short:"j" default:"2" help:"Jobs of its build."`
	Seed    uint64 `default:"1" help:"What it is generated from."`
	Project string `placeholder:"DIR" help:"Build this one instead; it is built in place."`
	Build   string `placeholder:"CMD" help:"Builds it, by sh; compilers are to be found in PATH."`
	Clean   string `placeholder:"CMD" help:"Cleans it, by sh."`

	BucketFiles int             `default:"500" help:"Files of the project that is generated for the case bucket."`
	RoundTrips  []time.Duration `name:"rtt" default:"0ms,30ms,80ms" help:"Times of a round trip to the bucket."`
	S3          string          `name:"s3" placeholder:"URL" help:"http://HOST:PORT/BUCKET of an S3 server to use, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; nothing is deleted there. Default: versitygw is started."`
	Versitygw   string          `placeholder:"FILE" help:"The versitygw to start; default: the one in PATH."`
	DropCaches  bool            `default:"true" negatable:"" help:"Drop the page cache before each build of the case bucket, where that is permitted."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the program but for the process.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "rust" {
		return runRust(ctx, args[1:], env, stdout, stderr)
	}
	return runFlags(ctx, new(flags), "compile-cache-bench", "Measure compile-cache side by side with the plain compiler and ccache.", args, env, stdout, stderr)
}

// measurer are the flags of one program, and what it does with them.
type measurer interface {
	check() error
	measure(ctx context.Context, env []string, stdout, stderr io.Writer) error
}

// runFlags reads flags and measures, and returns the status to exit with.
func runFlags(ctx context.Context, f measurer, name, description string, args, env []string, stdout, stderr io.Writer) int {
	exited := -1
	parser, err := kong.New(f, kong.Name(name), kong.Description(description), kong.Writers(stdout, stderr), kong.Exit(func(status int) { exited = status }))
	if err == nil {
		_, err = parser.Parse(args)
	}
	if exited >= 0 {
		return exited
	}
	if err == nil {
		err = f.check()
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: error: %v\n", name, err)
		return 2
	}
	if err := f.measure(ctx, env, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "%s: error: %v\n", name, err)
		return 1
	}
	return 0
}

func (f *flags) check() error {
	if f.N < 1 || f.Plain < 1 || f.Builds < 1 || f.Herd < 1 || f.Files < 1 || f.BucketFiles < 1 || f.Jobs < 1 || f.Time <= 0 {
		return errors.New("numbers must be positive")
	}
	if f.Project != "" && (f.Build == "" || f.Clean == "") {
		return errors.New("--project needs --build and --clean")
	}
	for _, name := range f.Cases {
		if !slices.Contains(bench.CaseNames, name) {
			return fmt.Errorf("no case %q; there are %s", name, strings.Join(bench.CaseNames, ", "))
		}
	}
	if len(f.Cases) == 0 {
		f.Cases = bench.DefaultCases
	}
	slices.Sort(f.RoundTrips)
	if f.RoundTrips = slices.Compact(f.RoundTrips); len(f.RoundTrips) == 0 || f.RoundTrips[0] < 0 {
		return errors.New("--rtt: want times such as 0ms,30ms")
	}
	return nil
}

func (f *flags) measure(ctx context.Context, env []string, stdout, stderr io.Writer) (err error) {
	if f.Programs, err = programsDir(f.Programs); err != nil {
		return err
	}
	for _, dir := range []*string{&f.Project, &f.Versitygw} {
		if err := absolute(dir); err != nil {
			return err
		}
	}
	dir, remove, err := workDir(f.Dir, f.Keep, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	report, err := bench.Run(ctx, bench.Options{
		Programs: f.Programs, Dir: dir, Cases: f.Cases, Env: env, Now: time.Now, Progress: stderr,
		Rounds: f.N, BuildRounds: f.Builds, PlainRounds: f.Plain, Flags: strings.Fields(f.Flags), HoldFor: f.Time, Herd: f.Herd,
		Project: bench.Project{
			Files: f.Files, Headers: f.Headers, Jobs: f.Jobs, Seed: f.Seed, Dir: f.Project, Build: f.Build, Clean: f.Clean,
		},
		BucketFiles: f.BucketFiles, RoundTrips: f.RoundTrips, S3: f.S3, Versitygw: f.Versitygw, DropCaches: f.DropCaches,
	})
	if err != nil {
		return err
	}
	if f.JSON != "" {
		if err := writeReport(f.JSON, report.WriteJSON); err != nil {
			return err
		}
	}
	return report.WriteTable(stdout)
}

// programsDir is where ccwrap and compile-cache are: beside this program, unless told otherwise.
func programsDir(dir string) (string, error) {
	if dir != "" {
		return filepath.Abs(dir)
	}
	self, err := os.Executable()
	return filepath.Dir(self), err
}

// absolute makes a path absolute; an empty one stays.
func absolute(path *string) (err error) {
	if *path != "" {
		*path, err = filepath.Abs(*path)
	}
	return err
}

// workDir makes a directory to work in, and a function that removes it unless it is to be kept.
func workDir(parent string, keep bool, stderr io.Writer) (dir string, remove func() error, err error) {
	if dir, err = os.MkdirTemp(parent, "ccbench-"); err != nil {
		return "", nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	if keep {
		fmt.Fprintf(stderr, "kept in %s\n", dir)
		return dir, func() error { return nil }, nil
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// writeReport writes a file anew. Who reads it meanwhile finds the old one.
func writeReport(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}
