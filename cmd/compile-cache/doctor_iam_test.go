package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/config"
)

// documented is what docs/bucket.md has the roles and the bucket's policy allow a job of a class.
func documented(class string) func(op, name string) bool {
	return func(op, name string) bool {
		trusted, own := strings.HasPrefix(name, "v1/4711/trusted/"), strings.HasPrefix(name, "v1/4711/"+class+"/")
		switch op {
		case "get", "list":
			return trusted || own
		case "put":
			return own
		}
		return false
	}
}

// With the policies of docs/bucket.md all is refused that should be.
func TestDoctorIAMFindsNothing(t *testing.T) {
	for _, tt := range []struct {
		class string
		lines []string
	}{
		{"pr", []string{"ok bucket own put v1/4711/pr/7/doctor: allowed", "ok bucket other class put v1/4711/trusted/doctor-...refused, as it should be: denied, status 403, code AccessDenied, Access Denied, request id REQ42"}},
		{"trusted", []string{"ok bucket own put v1/4711/trusted/main/doctor: allowed", "ok bucket other class put v1/4711/pr/doctor-...refused"}},
	} {
		t.Run(tt.class, func(t *testing.T) {
			j := pullRequest(t)
			if tt.class == "trusted" {
				j.push()
			}
			j.server.Allow = documented(tt.class)
			out, status := j.run(doctorIAM)
			if status != 0 || strings.Contains(out, "hint") {
				t.Errorf("status %d, want 0 and no hint", status)
			}
			says(t, out, append(tt.lines,
				"ok bucket other repo put v1/doctor-other-...refused",
				"ok bucket overwrite put v1/4711/...in place of what is there: refused",
				"ok bucket delete delete v1/4711/...refused",
				"ok bucket list list v1/doctor-other-...refused",
				"note bucket left made, and not removed: s3://acme-ci/cc/v1/4711/",
			)...)
			if got := j.server.Names(); len(got) != 1 || !strings.HasSuffix(got[0], "/doctor") {
				t.Errorf("the bucket holds %q, want the job's own object", got)
			}
		})
	}
}

// What is allowed and should not be, is told with what refuses it; what was made is told too.
func TestDoctorIAMFindsWhatIsOpen(t *testing.T) {
	j := pullRequest(t)
	out, status := j.run(doctorIAM)
	if status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	says(t, out,
		"problem bucket other class put v1/4711/trusted/doctor-...it was allowed",
		` hint: whoever runs code in this job can write what trusted jobs read; ...{"Effect": "Deny", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::acme-ci/cc/v1/4711/pr/*"}`,
		"problem bucket other repo put v1/doctor-other-...it was allowed",
		"note bucket overwrite put v1/4711/pr/7/doctor in place of what is there: it was allowed",
		` hint: what is stored can be replaced; ..."Resource": "arn:aws:s3:::acme-ci/cc/*", "Condition": {"Null": {"s3:if-none-match": "true"}}`,
		"problem bucket delete delete v1/4711/pr/7/doctor: it was allowed",
		` hint: this job can delete what others need; ..."Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"], "Resource": "arn:aws:s3:::acme-ci/cc/*"`,
		"note bucket delete s3://acme-ci/cc/v1/4711/pr/7/doctor is deleted",
		"warning bucket list list v1/doctor-other-...it was allowed",
		` hint: this job can list ..."Resource": "arn:aws:s3:::acme-ci", "Condition": {"StringNotLike": {"s3:prefix": "cc/v1/4711/*"}}`,
	)
	// Each of the two runs left two objects, and the first one's text names them.
	names := j.server.Names()
	if len(names) != 4 {
		t.Errorf("the bucket holds %q, want two objects of each run", names)
	}
	_, left, _ := strings.Cut(out, "made, and not removed: ")
	left, _, _ = strings.Cut(left, "\n")
	told := 0
	for _, name := range names {
		if strings.Contains(left, "s3://acme-ci/cc/"+name) {
			told++
		}
	}
	if told != 2 || strings.Count(left, "s3://") != 2 {
		t.Errorf("told are %q of %q, want the two of this run", left, names)
	}
}

// A refusal of everything, or an answer that is none, proves nothing.
func TestDoctorIAMProvesNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spoil  func(*bucketJob)
		status int
		line   string
	}{
		{"nothing is allowed", func(j *bucketJob) { j.server.Allow = func(string, string) bool { return false } }, 0,
			"note bucket own put v1/4711/pr/7/doctor: refused, so this job may write nothing"},
		{"a wrong key", func(j *bucketJob) { j.server.Fault = answer(403, "InvalidAccessKeyId", "no such key") }, 1,
			"problem bucket own put s3://acme-ci/cc/v1/4711/pr/7/doctor: credentials, status 403, code InvalidAccessKeyId"},
		{"a server in trouble", func(j *bucketJob) {
			j.server.Allow = func(op, name string) bool {
				if op == "delete" {
					j.server.Fault = answer(500, "InternalError", "We encountered an internal error.")
				}
				return true
			}
		}, 1, "problem bucket list list v1/doctor-other-...code InternalError"},
		{"no bucket", func(j *bucketJob) { delete(j.env, "COMPILE_CACHE_BUCKET") }, 1, "problem bucket neither COMPILE_CACHE_BUCKET nor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := pullRequest(t)
			tt.spoil(j)
			out, status := j.run(doctorIAM)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			says(t, out, tt.line)
		})
	}
}

func TestDoctorIAMLooksAtModes(t *testing.T) {
	j := pullRequest(t)
	dir := t.TempDir()
	j.env["COMPILE_CACHE_BUCKET"] = "file://" + dir
	out, status := j.run(doctorIAM)
	if status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	says(t, out, "note bucket modes a directory has no roles", "ok bucket modes directories looked at: 1, none")
	open := filepath.Join(dir, "v1", "4711", "trusted")
	if err := os.MkdirAll(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	out, _ = j.run(doctorIAM)
	says(t, out, "note bucket modes "+open+" can be written by every user", " hint: chmod o-w "+open)
}

// A bucket that is set twice is walked to twice.
func TestEachPlace(t *testing.T) {
	j := pullRequest(t)
	j.env["COMPILE_CACHE_EDGE"] = j.env["COMPILE_CACHE_BUCKET"]
	a := &app{ctx: t.Context(), getenv: func(name string) string { return j.env[name] }}
	var tiers []string
	for _, w := range a.eachPlace(func(context.Context, *walk) {}) {
		if w.source != config.FromEnvironment {
			t.Errorf("source %q, want the environment", w.source)
		}
		tiers = append(tiers, w.tier)
	}
	if got := strings.Join(tiers, " "); got != "bucket edge" {
		t.Errorf("places %q, want bucket edge", got)
	}
}
