package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/daemon"
	"github.com/compile-cache/compile-cache-action/internal/github"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
	"github.com/compile-cache/compile-cache-action/internal/report"
)

// actionCmd is what action.yml calls. Whatever fails here, the status is 0: the job goes on, uncached.
type actionCmd struct {
	Start  actionStartCmd  `cmd:"" help:"Start the cache for the steps that follow."`
	Report actionReportCmd `cmd:"" help:"Write the job summary."`
}

// actionJob is what the start of a job leaves to its reports, in RUNNER_TEMP, which the runner empties after each job.
type actionJob struct {
	Dir        string `json:"dir"`
	Run        string `json:"run"`                // marks the invocations of this job among those of the instance
	Unrecorded int64  `json:"unrecorded"`         // wrappers that reached no daemon before this job
	Summary    bool   `json:"summary"`            // the post step shall write one
	Reported   *int64 `json:"reported,omitempty"` // the invocations in the last summary
}

func (a *app) actionJobFile() string {
	return filepath.Join(a.getenv("RUNNER_TEMP"), "compile-cache", "job.json")
}

type actionStartCmd struct{}

// Run makes the instance ready and puts its shims in front of the PATH of later steps.
func (c *actionStartCmd) Run(a *app) error {
	if err := c.start(a); err != nil {
		a.ui.fail(err)
		_ = github.WriteSummary(github.New(a.getenv, a.stdout), "### compile-cache: not running\n\n"+
			"The build runs uncached: `"+strings.ReplaceAll(oneLine(err), "`", "'")+"`\n")
	}
	return nil
}

func (c *actionStartCmd) start(a *app) error {
	step := github.New(a.getenv, a.stdout)
	if a.getenv("RUNNER_TEMP") == "" {
		return fmt.Errorf("start: RUNNER_TEMP is not set: %w", github.ErrNoWorkflow)
	}
	if dir := github.Input(step, "dir"); dir != "" {
		a.useInstance(a.workflowPath(dir))
	}
	// The program may have been started in the same job before: its invocations stay together.
	job := actionJob{Dir: a.place.Dir, Summary: true, Run: a.getenv("COMPILE_CACHE_RUN")}
	if job.Run == "" {
		job.Run = "job-" + strconv.FormatInt(a.now().UnixNano(), 36) + "-" + strconv.Itoa(os.Getpid())
	}
	if v := github.Input(step, "summary"); v != "" {
		job.Summary = a.boolean("summary", v, true)
	}
	exports := github.Exports{
		Env:     []github.Pair{{Name: "COMPILE_CACHE_DIR", Value: a.place.Dir}, {Name: "COMPILE_CACHE_RUN", Value: job.Run}},
		Path:    []string{a.shims()},
		Outputs: []github.Pair{{Name: "dir", Value: a.place.Dir}},
	}
	set := func(name, value string) {
		a.setenv(name, value)
		exports.Env = append(exports.Env, github.Pair{Name: name, Value: value})
	}
	if v := github.Input(step, "max-size"); v != "" {
		set("COMPILE_CACHE_MAX_SIZE", v)
	}
	if v := github.Input(step, "readonly"); v != "" && a.boolean("readonly", v, false) {
		set("COMPILE_CACHE_READONLY", "1")
	}
	a.readBucket(func(name string) string { return github.Input(step, name) })
	for _, w := range config.Read(a.getenv).Warnings {
		a.ui.warningf("%s", w)
	}
	for _, p := range a.bucketExports() {
		set(p.Name, p.Value)
	}

	for _, p := range a.cargoSettings() {
		set(p.Name, p.Value)
	}
	job.Unrecorded = a.unrecorded()
	lease, err := a.prepare()
	if err != nil {
		return &hinted{err, "run compile-cache doctor in a step to see what a daemon lacks"}
	}
	defer lease.Close()
	if err := a.writeActionJob(&job); err != nil {
		return err
	}
	if err := github.Export(step, exports); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "compile-cache: serving %s; compilers of later steps are found in %s\n", a.place.Dir, a.shims())
	for _, p := range exports.Env {
		if p.Name == "CARGO_INCREMENTAL" {
			fmt.Fprintln(a.stdout, "compile-cache: "+incrementalNote)
		}
	}
	return nil
}

type actionReportCmd struct {
	Stop bool `help:"Be the last step: write the summary only if it was asked for, and stop the daemon."`
}

// Run writes the summary of this job. The post step leaves out what an explicit report has said already.
func (c *actionReportCmd) Run(a *app) error {
	job, err := a.readActionJob()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintln(a.stdout, "compile-cache: not started in this job, so there is nothing to report")
		return nil
	case err != nil:
		a.ui.warningf("no report: %v", err)
		return nil
	}
	a.useInstance(job.Dir)
	// A step's output may be a terminal, as under act, and yet nobody watches it.
	a.ui.terminal = false
	if c.Stop {
		a.publishLast()
	}
	if err := c.report(a, job); err != nil {
		a.ui.warningf("no report: %v", err)
	}
	if c.Stop {
		if err := (&stopCmd{}).Run(a); err != nil {
			a.ui.warningf("%v", err)
		}
	}
	return nil
}

func (c *actionReportCmd) report(a *app, job *actionJob) error {
	a.settle()
	s, err := report.Load(job.Dir, a.reportOptions(job.Run))
	if err != nil {
		return err
	}
	if err := a.measure(s.Stats); err != nil {
		return err
	}
	s.Stats.Unrecorded = max(0, a.unrecorded()-job.Unrecorded)
	count := s.Tally.Outcomes.Sum()
	if c.Stop && (!job.Summary || job.Reported != nil && *job.Reported == count) {
		return nil
	}
	if err := s.WriteTerminal(a.stdout); err != nil {
		return err
	}
	if n := s.Stats.Unrecorded; n > 0 {
		a.ui.warningf("%d of the compiler calls reached no daemon and ran uncached", n)
		a.ui.hintf("run compile-cache doctor in a step after the build")
	}
	md, err := s.Markdown(report.MarkdownLimit)
	if err != nil {
		return err
	}
	if err := github.WriteSummary(github.New(a.getenv, a.stdout), md); err != nil {
		return err
	}
	job.Reported = &count
	return a.writeActionJob(job)
}

func (a *app) readActionJob() (*actionJob, error) {
	b, err := os.ReadFile(a.actionJobFile())
	if err != nil {
		return nil, err
	}
	var job actionJob
	if err := json.Unmarshal(b, &job); err != nil {
		return nil, fmt.Errorf("read %s: %w", a.actionJobFile(), err)
	}
	return &job, nil
}

func (a *app) writeActionJob(job *actionJob) error {
	b, err := json.Marshal(job)
	if err != nil {
		return err
	}
	name := a.actionJobFile()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o600)
}

// useInstance goes over to another instance.
func (a *app) useInstance(dir string) {
	a.setenv("COMPILE_CACHE_DIR", dir)
	a.place = protocol.FindPlace(a.getenv, "", os.Getuid(), daemon.Namespace())
}

// workflowPath makes a path of an input absolute, as a shell in a step would.
func (a *app) workflowPath(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok && a.getenv("HOME") != "" {
		return filepath.Join(a.getenv("HOME"), rest)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(a.getenv("GITHUB_WORKSPACE"), path)
	}
	return filepath.Clean(path)
}

// boolean reads an input; one that is no boolean is a warning and the default.
func (a *app) boolean(name, value string, otherwise bool) bool {
	on, ok := protocol.Bool(value)
	if !ok {
		a.ui.warningf("input %s: %q is no boolean (true, false); it counts as %t", name, value, otherwise)
		return otherwise
	}
	return on
}

// oneLine is what a person reads of an error.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
