package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/github"
)

func TestReadBucket(t *testing.T) {
	const job = "GITHUB_WORKFLOW_REF=o/r/.github/workflows/ci.yml@refs/heads/main\nGITHUB_JOB=build"
	for _, tt := range []struct {
		what   string
		env    string
		inputs map[string]string
		want   []github.Pair
		said   []string // in this order
	}{
		{what: "nothing", inputs: map[string]string{"matrix": `{"os":"a"}`}},
		{
			what: "S3 with roles", env: job,
			inputs: map[string]string{"bucket": "s3://acme/p", "region": "r", "role": "arn:aws:iam::1:role/a+b&c", "pr-role": "arn:aws:iam::1:role/pr", "endpoint": "https://e:9000", "matrix": "null"},
			want:   []github.Pair{{Name: "COMPILE_CACHE_BUCKET", Value: "s3://acme/p?region=r&endpoint=https://e:9000&role=arn:aws:iam::1:role/a+b%26c&pr-role=arn:aws:iam::1:role/pr"}},
		},
		{
			what: "a job of a matrix", env: job,
			inputs: map[string]string{"bucket": "s3://acme?account=123456789012", "region": "r", "matrix": "{\n  \"os\": \"a\"\n}"},
			want:   []github.Pair{{Name: "COMPILE_CACHE_BUCKET", Value: "s3://acme?region=r&account=123456789012"}, {Name: "COMPILE_CACHE_PROFILE", Value: "ci.yml.build.3cc34bf2"}},
		},
		{
			what: "a profile of one's own, and an edge", env: job,
			inputs: map[string]string{"bucket": "file:///srv/cache", "edge": "file:///edge", "profile": "nightly", "matrix": `{"os":"a"}`},
			want:   []github.Pair{{Name: "COMPILE_CACHE_BUCKET", Value: "file:///srv/cache"}, {Name: "COMPILE_CACHE_EDGE", Value: "file:///edge"}, {Name: "COMPILE_CACHE_PROFILE", Value: "nightly"}},
		},
		{
			what: "a bucket of the workflow's environment", env: "COMPILE_CACHE_BUCKET=s3://acme\nCOMPILE_CACHE_PROFILE=p",
			inputs: map[string]string{"role": "arn:aws:iam::1:role/a", "matrix": `{"os":"a"}`},
			want:   []github.Pair{{Name: "COMPILE_CACHE_BUCKET", Value: "s3://acme?role=arn:aws:iam::1:role/a"}, {Name: "COMPILE_CACHE_PROFILE", Value: "p"}},
		},
		{
			what: "what does not fit together", inputs: map[string]string{"bucket": "s3://acme?region=r", "region": "x"},
			want: []github.Pair{{Name: "COMPILE_CACHE_BUCKET", Value: "s3://acme?region=r"}},
			said: []string{"input region: it is ignored, since the bucket's URL has a region"},
		},
		{
			what: "a role without a bucket", inputs: map[string]string{"role": "arn:aws:iam::1:role/a"},
			said: []string{"input role: it is ignored, since there is no input bucket"},
		},
		{
			what: "a role for a directory", inputs: map[string]string{"bucket": "file:///d", "role": "arn:aws:iam::1:role/a"},
			want: []github.Pair{{Name: "COMPILE_CACHE_BUCKET", Value: "file:///d"}},
			said: []string{"input role: it is ignored, since the bucket is not s3://..."},
		},
		{
			what: "a password in the bucket", inputs: map[string]string{"bucket": "s3://id:hush@acme", "edge": "s3://edge?secret-key=hush", "profile": "a\nb"},
			want: []github.Pair{{Name: "COMPILE_CACHE_BUCKET", Value: "off"}, {Name: "COMPILE_CACHE_EDGE", Value: "s3://edge"}},
		},
	} {
		a, out := anApp(t)
		a.env = strings.Split(tt.env, "\n")
		a.getenv = lookup(a.env)
		a.readBucket(func(name string) string { return tt.inputs[name] })
		if diff := cmp.Diff(tt.want, a.bucketExports()); diff != "" {
			t.Errorf("%s: exports:\n%s", tt.what, diff)
		}
		rest := out.String()
		for _, want := range tt.said {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Errorf("%s: said %q, want %q in it", tt.what, out, want)
			}
			rest = after
		}
		if tt.said == nil && rest != "" {
			t.Errorf("%s: said %q", tt.what, rest)
		}
	}
}

// TestActionStartExportsNoSecret looks at the files by which a step speaks to later steps. The instance cannot be made, so nothing is
// started; with the rest the scripts deal.
func TestActionStartExportsNoSecret(t *testing.T) {
	a, out := anApp(t)
	inWorkflow(t, a)
	const canary = "canary-5be0"
	a.env = append(a.env, "INPUT_BUCKET=s3://id:"+canary+"@acme?x="+canary, "INPUT_EDGE=s3://acme?token="+canary, "ACTIONS_ID_TOKEN_REQUEST_TOKEN="+canary, "AWS_SECRET_ACCESS_KEY="+canary, "INPUT_DIR=/dev/null/x")
	a.getenv = lookup(a.env)
	if err := (&actionStartCmd{}).Run(a); err != nil {
		t.Fatalf("start = %v, want success whatever happens", err)
	}
	for _, want := range []string{`COMPILE_CACHE_BUCKET="s3://...@acme": it holds credentials`, `COMPILE_CACHE_EDGE: there is no parameter "token"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("start said %q, want %q in it", out, want)
		}
	}
	if strings.Contains(out.String(), canary) {
		t.Errorf("start said %q", out)
	}
	err := filepath.WalkDir(a.getenv("RUNNER_TEMP"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), canary) {
			t.Errorf("%s has a secret in it: %s", path, b)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
