package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/s3/s3test"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// bucketJob is a job with a bucket of S3 that doctor looks at.
type bucketJob struct {
	t      *testing.T
	server *s3test.Server
	env    map[string]string
	class  string
	url    string // of the server
}

const doctorAccess = "AKIACANARYACCESSKEY1"

// doctorSecrets are in what a job has, and may be in nothing that doctor prints.
var doctorSecrets = []string{"CANARY"}

// pullRequest returns a job of pull request 7 of repository 4711.
func pullRequest(t *testing.T) *bucketJob {
	t.Helper()
	event := filepath.Join(t.TempDir(), "event.json")
	text := `{"repository": {"id": 4711, "default_branch": "main"}, "pull_request": {"number": 7, "base": {"ref": "main"}, "head": {"repo": {"id": 4711}}}}`
	if err := os.WriteFile(event, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	j := &bucketJob{t: t, class: protocol.ClassPR, server: &s3test.Server{Bucket: "acme-ci", Prefix: "cc", AccessKey: doctorAccess, Probes: true, Errorf: t.Errorf}}
	web := httptest.NewServer(j.server)
	t.Cleanup(web.Close)
	j.url = web.URL
	j.env = map[string]string{
		"GITHUB_REPOSITORY_ID": "4711", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_EVENT_PATH": event,
		"COMPILE_CACHE_BUCKET": "s3://acme-ci/cc?region=eu-central-1&endpoint=" + web.URL,
		"AWS_ACCESS_KEY_ID":    doctorAccess, "AWS_SECRET_ACCESS_KEY": "secretCANARY0123456789", "AWS_SESSION_TOKEN": "tokenCANARY0123456789",
	}
	return j
}

// push makes it a job of the protected branch main.
func (j *bucketJob) push() {
	j.class = protocol.ClassTrusted
	j.env["GITHUB_EVENT_NAME"], j.env["GITHUB_REF"], j.env["GITHUB_REF_PROTECTED"] = "push", "refs/heads/main", "true"
}

// run runs a command, checks that it prints no secret, and returns what it prints, with its status.
func (j *bucketJob) run(command func(*app, bool) error) (out string, status int) {
	j.t.Helper()
	var texts []string
	for _, asJSON := range []bool{false, true} {
		var stdout bytes.Buffer
		a := &app{ctx: j.t.Context(), stdout: &stdout, getenv: func(name string) string { return j.env[name] }, now: time.Now, place: protocol.Place{Class: j.class}}
		status = a.status(command(a, asJSON))
		texts = append(texts, stdout.String())
	}
	for _, r := range j.server.Requests() {
		if _, signature, ok := strings.Cut(r.Header.Get("Authorization"), "Signature="); ok && strings.Contains(texts[0]+texts[1], signature) {
			j.t.Errorf("a signature is printed:\n%s\n%s", texts[0], texts[1])
		}
	}
	for _, secret := range doctorSecrets {
		if strings.Contains(texts[0]+texts[1], secret) {
			j.t.Errorf("%s is printed:\n%s\n%s", secret, texts[0], texts[1])
		}
	}
	return texts[0], status
}

// doctor is the part of doctor that walks to buckets.
func doctor(a *app, asJSON bool) error {
	var all findings
	for _, w := range a.walks() {
		all = append(all, w.found...)
	}
	return a.tell(all, asJSON)
}

func doctorIAM(a *app, asJSON bool) error { return (&doctorIAMCmd{JSON: asJSON}).Run(a) }

// says checks that lines begin with these words, whatever the space between them, and go on with those after "...".
func says(t *testing.T, out string, lines ...string) {
	t.Helper()
	text := regexp.MustCompile(` +`).ReplaceAllString(out, " ")
	for _, line := range lines {
		begin, inside, _ := strings.Cut(line, "...")
		found := false
		for l := range strings.SplitSeq(text, "\n") {
			found = found || strings.HasPrefix(l, begin) && strings.Contains(l, inside)
		}
		if !found {
			t.Errorf("no line is %q", line)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// stock puts a pack with one record and an index of it into trusted/main.
func (j *bucketJob) stock() (packName, indexName string) {
	j.t.Helper()
	f, err := os.Create(filepath.Join(j.t.TempDir(), "pack"))
	if err != nil {
		j.t.Fatal(err)
	}
	defer f.Close()
	w, err := pack.Create(f)
	if err != nil {
		j.t.Fatal(err)
	}
	const text = "what a compiler wrote"
	rec, err := w.Append(pack.Blob, digest.KeyOf([]byte(text)), int64(len(text)), strings.NewReader(text))
	if err != nil {
		j.t.Fatal(err)
	}
	sum, size, err := w.Seal()
	if err != nil {
		j.t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		j.t.Fatal(err)
	}
	x, err := pack.EncodeIndex(&pack.Index{
		Provenance: pack.Provenance{Version: "1", Run: "815", Job: "build"},
		Packs:      []pack.Ref{{Scope: "trusted/main", Sum: sum, Size: size, Time: time.Now()}},
		Records:    []pack.Located{{Record: rec}},
	})
	if err != nil {
		j.t.Fatal(err)
	}
	root := pack.Root("4711")
	packName = pack.PackName(root, "trusted/main", sum)
	indexName = pack.IndexName(root, "trusted/main", time.Now().Add(-3*time.Hour), "815", "build", pack.Hash8("p"), false)
	j.server.Hold(packName, b)
	j.server.Hold(indexName, x)
	return packName, indexName
}

func TestDoctorWalksToTheBucket(t *testing.T) {
	j := pullRequest(t)
	_, index := j.stock()
	j.env["AWS_REGION"] = "us-west-2" // the URL has another one
	out, status := j.run(doctor)
	if status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	says(t, out,
		"ok bucket settings s3://acme-ci/cc?region=eu-central-1&endpoint="+j.url+" (environment)",
		"ok bucket scope class pr, repository 4711, own scope pr/7, reads v1/4711/pr/7, v1/4711/trusted/main, writes its own",
		"ok bucket credentials static: AWS_ACCESS_KEY_ID and",
		"ok bucket credentials not applicable: ...github-oidc",
		"ok bucket identity not asked",
		"ok bucket region eu-central-1, by url",
		"ok bucket list 4711/pr/7: 0 indexes, 0 packs, no profile",
		"ok bucket list 4711/trusted/main: 1 index, 1 pack, newest index 3 hours ago, no profile",
		"ok bucket get 4711/pr/7: nothing is there",
		"ok bucket get 4711/trusted/main: the newest index is whole...1 records, by run 815, job build), and so is a record",
		"ok bucket clock this machine's clock and the store's agree",
	)
	// The text was printed first, the JSON second.
	says(t, out, "ok bucket put pr/7: may be written (v1/4711/pr/7/doctor was made, and stays)")
	out, _ = j.run(doctor)
	says(t, out, "ok bucket put pr/7: may be written (v1/4711/pr/7/doctor is there from before)")
	if got := j.server.Names(); !cmp.Equal(len(got), 3) || got[0] != "v1/4711/pr/7/doctor" || got[1] != index {
		t.Errorf("the bucket holds %q, want one object more", got)
	}
	for _, r := range j.server.Requests() {
		if r.Method == http.MethodDelete {
			t.Errorf("%s %s: doctor deletes nothing", r.Method, r.URL)
		}
	}
}

// refuseOnly is a policy that refuses one operation.
func refuseOnly(op string) func(string, string) bool {
	return func(asked, _ string) bool { return asked != op }
}

// answer is a fault of all requests.
func answer(status int, code, message string) func(string, int) http.HandlerFunc {
	return func(string, int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { s3test.AnswerError(w, status, code, message) }
	}
}

// Each thing that can be wrong is told at its step, with the server's words and what to do; what needs it is not tried.
func TestDoctorNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*bucketJob)
		want  int
		lines []string
	}{
		{"lists are refused", func(j *bucketJob) { j.server.Allow = refuseOnly("list") }, 1, []string{
			"problem bucket list 4711/pr/7: list s3://acme-ci/cc/v1/4711/pr/7/index/: denied, status 403, code AccessDenied, Access Denied, request id REQ42",

			" hint: allow s3:ListBucket on acme-ci",
			"note bucket get 4711/trusted/main: not tried, since it could not be listed", "ok bucket put",
		}},
		{"gets are refused", func(j *bucketJob) { j.server.Allow = refuseOnly("get") }, 1, []string{
			"problem bucket get 4711/pr/7: get s3://acme-ci/cc/v1/4711/pr/7/doctor: denied", "problem bucket get 4711/trusted/main: get...index", " hint: allow s3:GetObject on acme-ci/cc/*", "ok bucket put",
		}},
		{"puts are refused", func(j *bucketJob) { j.server.Allow = refuseOnly("put") }, 1, []string{
			"ok bucket get", "problem bucket put pr/7: put s3://acme-ci/cc/v1/4711/pr/7/doctor: denied, status 403, code AccessDenied", " hint: allow s3:PutObject on acme-ci/cc/*",
		}},
		{"a wrong key", func(j *bucketJob) {
			j.server.Fault = answer(403, "InvalidAccessKeyId", "The AWS Access Key Id "+doctorAccess+" does not exist in our records.")
		}, 1, []string{
			"problem bucket list pr/7: list...credentials, status 403, code InvalidAccessKeyId", " hint: the service does not know the access key", "note bucket list not tried after that: put, clock",
		}},
		{"half a key", func(j *bucketJob) { delete(j.env, "AWS_SECRET_ACCESS_KEY") }, 1, []string{
			"problem bucket credentials credentials static: choose: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not",
			"note bucket credentials not tried after that: identity, region, list, put, clock", "ok bucket scope",
		}},
		{"a service that repeats what it was sent", func(j *bucketJob) {
			j.server.Fault = func(string, int) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					s3test.AnswerError(w, 403, "AccessDenied", fmt.Sprint(r.Header, r.URL, "secretCANARY0123456789"))
				}
			}
		}, 1, []string{"problem bucket list 4711/pr/7: list...denied"}},
		{"nobody listens", func(j *bucketJob) {
			j.env["COMPILE_CACHE_BUCKET"] = "s3://acme-ci?region=r&endpoint=http://127.0.0.1:9"
		}, 1, []string{"problem bucket list...ConnectionRefused", " hint: nothing listens there"}},
		{"a certificate that is not there", func(j *bucketJob) { j.env["COMPILE_CACHE_BUCKET"] += "&ca=/nonexistent.pem" }, 1, []string{"problem bucket settings read the certificates"}},
		{"bytes are changed", func(j *bucketJob) {
			name, _ := j.stock()
			j.server.Hold(name, bytes.Repeat([]byte{7}, 4096))
		}, 1, []string{"problem bucket get 4711/trusted/main: get...it is damaged", " hint: see what lies between"}},
		{"another object in place of the index", func(j *bucketJob) {
			_, name := j.stock()
			j.server.Hold(name, []byte(strings.Repeat("not an index", 1000)))
		}, 1, []string{"problem bucket get 4711/trusted/main: get...it is damaged"}},
		{"a fork", func(j *bucketJob) {
			text := `{"repository": {"id": 4711, "default_branch": "main"}, "pull_request": {"number": 7, "base": {"ref": "main"}, "head": {"repo": {"id": 999}}}}`
			if err := os.WriteFile(j.env["GITHUB_EVENT_PATH"], []byte(text), 0o600); err != nil {
				j.t.Fatal(err)
			}
			j.server.Allow = func(op, _ string) bool { return op != "put" }
		}, 0, []string{"note bucket scope class pr...writes nothing: this is a fork's code", "ok bucket put not tried, since this job writes nothing: this is a fork's code"}},
		{"read-only", func(j *bucketJob) {
			j.env["COMPILE_CACHE_READONLY"] = "1"
			j.server.Allow = func(op, _ string) bool { return op != "put" }
		}, 0, []string{"ok bucket put not tried, since this job writes nothing: COMPILE_CACHE_READONLY is set"}},
		{"no repository", func(j *bucketJob) {
			j.env["GITHUB_REPOSITORY_ID"] = "x"
		}, 1, []string{"note bucket scope neither", "problem bucket scope no scope can be read", "note bucket list not tried after that: put, clock"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := pullRequest(t)
			if strings.HasPrefix(tt.name, "gets") {
				j.stock()
			}
			tt.spoil(j)
			out, status := j.run(doctor)
			if status != tt.want {
				t.Errorf("status %d, want %d", status, tt.want)
			}
			says(t, out, tt.lines...)
		})
	}
}

// A pack that the bucket's owner removed is a miss, not a fault.
func TestDoctorFindsAPackGone(t *testing.T) {
	j := pullRequest(t)
	name, _ := j.stock()
	j.server.Drop(name)
	out, status := j.run(doctor)
	if status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	says(t, out, "note bucket get 4711/trusted/main: a pack that the newest index names is gone")
}

func TestDoctorComparesClocks(t *testing.T) {
	for _, tt := range []struct {
		off  time.Duration // of the store
		line string
	}{
		{2 * time.Second, "ok bucket clock this machine's clock and the store's agree"},
		{-2 * time.Minute, "note bucket clock this machine's clock is 2m...ahead of the store's"},
		{20 * time.Minute, "warning bucket clock this machine's clock is ...behind the store's"},
	} {
		t.Run(tt.off.String(), func(t *testing.T) {
			j := pullRequest(t)
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(tt.off).UTC().Format(http.TimeFormat))
				j.server.ServeHTTP(w, r)
			}))
			t.Cleanup(web.Close)
			j.env["COMPILE_CACHE_BUCKET"] = "s3://acme-ci/cc?region=eu-central-1&endpoint=" + web.URL
			out, status := j.run(doctor)
			if status != 0 {
				t.Errorf("status %d, want 0: a clock is no problem by itself", status)
			}
			says(t, out, tt.line)
		})
	}
}

// Who a job is, is told by its role and by what its token says; the token is not.
func TestDoctorShowsTheIdentity(t *testing.T) {
	j := pullRequest(t)
	j.server.AccessKey = "ASIACANARYOFTHEROLE1"
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := part(`{"alg":"RS256"}`) + "." + part(`{"iss":"https://issuer.test","sub":"repo:acme/app:pull_request","aud":"sts.amazonaws.com","repository":"acme/app",`+
		`"ref":"refs/pull/7/merge","job_workflow_ref":"acme/app/.github/workflows/ci.yml@main","exp":4102444800}`) + "." + "CANARYsignature"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := false
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>`+token+`</Message></Error><RequestId>R</RequestId></ErrorResponse>`)
			return
		}
		if r.FormValue("WebIdentityToken") != token {
			t.Errorf("token %q, want that of the file", r.FormValue("WebIdentityToken"))
		}
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIACANARYOFTHEROLE1</AccessKeyId>`+
			`<SecretAccessKey>CANARY-secret</SecretAccessKey><SessionToken>CANARY-session</SessionToken><Expiration>%s</Expiration></Credentials>`+
			`<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/pr/x</Arn><AssumedRoleId>A</AssumedRoleId></AssumedRoleUser>`+
			`</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(sts.Close)
	j.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = file
	j.env["COMPILE_CACHE_BUCKET"] += "&role=arn:aws:iam::123456789012:role/trusted&pr-role=arn:aws:iam::123456789012:role/pr&sts-endpoint=" + sts.URL
	out, status := j.run(doctor)
	if status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	says(t, out,
		"ok bucket credentials web-identity: ...role arn:aws:iam::123456789012:role/pr",
		"note bucket credentials static keys in AWS_ACCESS_KEY_ID: not used",
		"ok bucket identity arn:aws:sts::123456789012:assumed-role/pr/x, account 123456789012",
		"ok bucket identity the credentials are good until ...for 1h0m0s",
		"ok bucket identity the identity token says: iss https://issuer.test, sub repo:acme/app:pull_request, aud sts.amazonaws.com, repository acme/app, "+
			"ref refs/pull/7/merge, job_workflow_ref acme/app/.github/workflows/ci.yml@main",
		"ok bucket put",
	)
	refused = true
	more, status := j.run(doctor)
	if status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	says(t, more, "problem bucket identity ...InvalidIdentityToken", "ok bucket identity the identity token says: iss https://issuer.test, sub repo:acme/app:pull_request",
		"note bucket identity not tried after that: region, list, put, clock")
	if strings.Contains(out+more, part(`{"alg":"RS256"}`)) {
		t.Errorf("the token is printed:\n%s%s", out, more)
	}
}

func TestDoctorWalksToADirectory(t *testing.T) {
	j := pullRequest(t)
	dir := t.TempDir()
	j.env["COMPILE_CACHE_BUCKET"], j.env["COMPILE_CACHE_EDGE"] = "file://"+dir, "file://"+filepath.Join(dir, "no", "such")
	out, status := j.run(doctor)
	if status != 1 {
		t.Errorf("status %d, want 1: there is no edge", status)
	}
	says(t, out, "ok bucket put pr/7: may be written (v1/4711/pr/7/doctor was made, and stays)", "ok bucket clock", "problem edge list pr/7: list file://...NoSuchDirectory", "note edge list not tried after that: put, clock")
	out, _ = j.run(doctor)
	says(t, out, "ok bucket put pr/7: may be written (v1/4711/pr/7/doctor is there from before)")
	left, err := os.ReadDir(filepath.Join(dir, "v1", "4711", "pr", "7"))
	if err != nil || len(left) != 1 {
		t.Errorf("the scope holds %v, %v; want one file", left, err)
	}
	if os.Getuid() == 0 {
		t.Log("not tried: root may write everywhere")
		return
	}
	if err := os.Chmod(filepath.Join(dir, "v1", "4711", "pr", "7"), 0o555); err != nil {
		t.Fatal(err)
	}
	out, status = j.run(doctor)
	if status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	says(t, out, "problem bucket put pr/7: ...permission denied")
}
