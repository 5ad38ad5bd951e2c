package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/bench"
)

type rustFlags struct {
	Project string   `placeholder:"DIR" required:"" help:"Directory of a Cargo.toml; it is copied, its dependencies are fetched before."`
	Cargo   string   `default:"build" help:"Arguments of cargo, such as \"build --release\"."`
	Jobs    int      `short:"j" default:"2" help:"Jobs of cargo."`
	Set     []string `placeholder:"NAME=VALUE" sep:"none" help:"A variable of all builds, such as SOURCE_DATE_EPOCH=0; may be repeated."`
	Cases   []string `default:"warm,commit,path,fresh,wrapper" help:"What to measure beyond first builds, which fill the caches."`
	Sides   []string `default:"plain,ccwrap,mapped,sccache,kache,mbx,archive,replay" help:"What to measure side by side; gates need plain, ccwrap and replay."`
	Leaf    string   `placeholder:"FILE" help:"Source of a crate that little depends on, relative to the project; commits edit it."`
	Mid     string   `placeholder:"FILE" help:"Source of a crate that others of the project depend on."`

	First  int           `default:"1" help:"Rounds of builds with an empty cache."`
	Rounds int           `default:"5" help:"Rounds of all other builds."`
	Plain  int           `default:"2" help:"Rounds of these in which plain cargo builds as well."`
	Calls  int           `default:"40" help:"Calls of ccwrap for its CPU."`
	Limit  time.Duration `default:"6h" help:"Stop by then, where possible after a whole round, and report what there is."`

	Sccache   string        `placeholder:"FILE" help:"The sccache to measure; default: the one in PATH."`
	Kache     string        `placeholder:"FILE" help:"The kache, with kache-engine beside it; default: the one in PATH."`
	Mbx       string        `placeholder:"FILE" help:"The mbx; default: the one in PATH."`
	RoundTrip time.Duration `name:"rtt" default:"30ms" help:"Time of a round trip to the bucket."`
	S3        string        `name:"s3" placeholder:"URL" help:"http://HOST:PORT/BUCKET of an S3 server to use, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; nothing is deleted there. Default: versitygw is started."`
	Versitygw string        `placeholder:"FILE" help:"The versitygw to start; default: the one in PATH."`

	DropCaches bool          `default:"true" negatable:"" help:"Drop the page cache before builds without target directory, where that is permitted."`
	Settle     time.Duration `default:"2500ms" help:"Sources lie still so long before a build: most caches distrust younger ones."`
	JSON       string        `name:"json" placeholder:"FILE" help:"Write the report as JSON, after every turn."`
	Markdown   string        `placeholder:"FILE" help:"Write its tables for a document, after every turn."`
	Programs   string        `placeholder:"DIR" help:"Where ccwrap and compile-cache are; default: beside this program."`
	Dir        string        `placeholder:"DIR" help:"Where to work; default: a temporary directory."`
	Keep       bool          `help:"Keep what was made."`
}

// runRust is the program called with rust as its first argument, which args lacks.
func runRust(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	return runFlags(ctx, new(rustFlags), "compile-cache-bench rust",
		"Measure cargo builds with compile-cache side by side with plain cargo, sccache, kache, mbx, a restored target directory, and a bare replay of outputs.",
		args, env, stdout, stderr)
}

func (f *rustFlags) check() error {
	if f.Jobs < 1 || f.First < 1 || f.Rounds < 1 || f.Plain < 0 || f.Calls < 1 || f.Limit <= 0 || f.RoundTrip < 0 || f.Settle < 0 {
		return errors.New("numbers must be positive")
	}
	for _, kv := range f.Set {
		if name, _, ok := strings.Cut(kv, "="); !ok || name == "" {
			return fmt.Errorf("--set %s: not NAME=VALUE", kv)
		}
	}
	if len(strings.Fields(f.Cargo)) == 0 {
		return errors.New("--cargo: want arguments of cargo")
	}
	for _, name := range f.Cases {
		if !slices.Contains(bench.RustCases, name) {
			return fmt.Errorf("no case %q; there are %s", name, strings.Join(bench.RustCases, ", "))
		}
	}
	for _, name := range f.Sides {
		if !slices.Contains(bench.RustSides, name) {
			return fmt.Errorf("no side %q; there are %s", name, strings.Join(bench.RustSides, ", "))
		}
	}
	return nil
}

func (f *rustFlags) measure(ctx context.Context, env []string, stdout, stderr io.Writer) (err error) {
	if f.Programs, err = programsDir(f.Programs); err != nil {
		return err
	}
	for _, path := range []*string{&f.Project, &f.Versitygw, &f.JSON, &f.Markdown} {
		if err := absolute(path); err != nil {
			return err
		}
	}
	peers := map[string]string{"sccache": f.Sccache, "kache": f.Kache, "mbx": f.Mbx}
	for name, program := range peers {
		if program == "" {
			program, _ = exec.LookPath(name)
		}
		if err := absolute(&program); err != nil {
			return err
		}
		peers[name] = program
	}
	for _, file := range []string{f.Leaf, f.Mid} {
		if _, err := os.Stat(filepath.Join(f.Project, file)); err != nil {
			return err
		}
	}
	dir, remove, err := workDir(f.Dir, f.Keep, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, f.Limit, fmt.Errorf("the limit of %s", f.Limit))
	defer cancel()
	report, err := bench.RunRust(ctx, bench.RustOptions{
		Programs: f.Programs, Dir: dir, Env: env, Now: time.Now, Progress: stderr,
		Project: f.Project, Cargo: strings.Fields(f.Cargo), Jobs: f.Jobs, Set: f.Set, Cases: f.Cases, Sides: f.Sides, Peers: peers, Leaf: f.Leaf, Mid: f.Mid,
		First: f.First, Rounds: f.Rounds, Plain: f.Plain, Calls: f.Calls,
		RoundTrip: f.RoundTrip, S3: f.S3, Versitygw: f.Versitygw, DropCaches: f.DropCaches, Settle: f.Settle, Save: f.save,
	})
	if report == nil {
		return err
	}
	return errors.Join(err, f.save(report), report.WriteTable(stdout))
}

// save writes the files that were asked for.
func (f *rustFlags) save(r *bench.Report) error {
	if f.JSON != "" {
		if err := writeReport(f.JSON, r.WriteJSON); err != nil {
			return err
		}
	}
	if f.Markdown != "" {
		return writeReport(f.Markdown, r.WriteMarkdown)
	}
	return nil
}
