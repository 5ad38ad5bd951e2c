package credentials

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	account  = "123456789012"
	roleARN  = "arn:aws:iam::123456789012:role/acme-ci-pr"
	bearer   = "CANARY-bearer/of+the=job"
	subject  = "repo:acme/app:pull_request"
	baseKey  = "CANARYBASEKEYID1"
	baseKey2 = "CANARY-secret-of-base-key"
	podToken = "CANARY-token-of-the-pod"
)

// clock is the time of a test.
type clock struct {
	mu sync.Mutex // guards at
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// requests counts what reached a fake, and holds the answers planned for the first ones.
type requests struct {
	mu   sync.Mutex // guards what follows
	n    int
	plan []http.HandlerFunc // nil: the usual answer
	seen map[string]int     // tokens, by how often they came
}

func (r *requests) next() http.HandlerFunc {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if r.n <= len(r.plan) {
		return r.plan[r.n-1]
	}
	return nil
}

func (r *requests) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

func (r *requests) saw(token string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]int{}
	}
	r.seen[token]++
	return r.seen[token]
}

// always plans f for more requests than anyone makes.
func always(f http.HandlerFunc) (plan []http.HandlerFunc) {
	for range 100 {
		plan = append(plan, f)
	}
	return plan
}

// status answers with a status and a body.
func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// cut breaks an answer off.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `<AssumeRoleWithWebIdentityResponse>`)
	panic(http.ErrAbortHandler)
}

// endless answers more than is read.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Write(bytes.Repeat([]byte(" "), maxAnswer+1))
}

// echo answers a failure with all that it was sent, the worst that a service can do with secrets.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form := r.Form.Encode() // what was parsed is not in the body any more
	text := fmt.Sprint(r.Form["WebIdentityToken"], r.Header["Authorization"], r.URL, r.Header, string(body), form)
	if r.Form != nil {
		stsError(http.StatusBadRequest, "Weird", text)(w, r)
		return
	}
	w.Header().Set("X-GitHub-Request-Id", text)
	w.WriteHeader(http.StatusBadRequest)
	json.NewEncoder(w).Encode(map[string]string{"message": text})
}

func mint(claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part(payload) + "." + part([]byte("CANARY-signature"))
}

func claimsOf(serial int) map[string]any {
	return map[string]any{
		"iss": "https://token.actions.githubusercontent.com", "sub": subject, "aud": defaultAudience, "repository": "acme/app",
		"repository_id": "4711", "repository_owner_id": "42", "event_name": "pull_request", "jti": serial, "exp": 1795352400,
	}
}

// fakeGitHub issues identity tokens to who bears the right token and asks for the right audience.
type fakeGitHub struct {
	requests
	audience string
}

func (f *fakeGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if planned := f.next(); planned != nil {
		planned(w, r)
		return
	}
	switch {
	case r.Header.Get("Authorization") != "bearer "+bearer:
		status(http.StatusUnauthorized, `{"message":"bad credentials"}`)(w, r)
	case r.Method != http.MethodGet || r.URL.Path != "/token" || r.URL.Query().Get("api-version") != "2.0":
		status(http.StatusNotFound, "")(w, r)
	case r.URL.Query().Get("audience") != f.audience:
		status(http.StatusBadRequest, `{"message":"wrong audience"}`)(w, r)
	default:
		json.NewEncoder(w).Encode(map[string]any{"count": 1, "value": mint(claimsOf(f.count()))})
	}
}

// fakeSTS is AWS's security token service: each identity token once, for one role.
type fakeSTS struct {
	requests
	clock *clock
	skew  time.Duration // of its clock
	life  time.Duration
	acct  string
}

func stsError(code int, name, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>`, name)
		xmlEscape(w, message)
		io.WriteString(w, `</Message></Error><RequestId>4XR2M0</RequestId></ErrorResponse>`)
	}
}

func xmlEscape(w io.Writer, text string) {
	strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").WriteString(w, text)
}

func (f *fakeSTS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := f.clock.Now().Add(f.skew)
	w.Header().Set("Date", now.Format(http.TimeFormat))
	r.ParseForm()
	action := r.Form.Get("Action")
	if planned := f.next(); planned != nil {
		planned(w, r)
		return
	}
	signed := strings.Contains(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=")
	switch {
	case action == "AssumeRoleWithWebIdentity" && signed, action != "AssumeRoleWithWebIdentity" && !signed:
		stsError(http.StatusBadRequest, "TestSigning", "signed is "+fmt.Sprint(signed))(w, r)
		return
	case action == "GetCallerIdentity":
		fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::%s:user/base</Arn><Account>%[1]s</Account>`+
			`<UserId>U</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`, f.acct)
		return
	case r.Form.Get("RoleArn") != roleARN:
		stsError(http.StatusForbidden, "AccessDenied", "no such role")(w, r)
		return
	case action == "AssumeRoleWithWebIdentity" && f.saw(r.Form.Get("WebIdentityToken")) > 1:
		stsError(http.StatusBadRequest, "ExpiredTokenException", "this token was seen before")(w, r)
		return
	}
	fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>ASIA%[2]d</AccessKeyId>`+
		`<SecretAccessKey>CANARY-secret-%[2]d</SecretAccessKey><SessionToken>CANARY-session-%[2]d</SessionToken><Expiration>%[3]s</Expiration>`+
		`</Credentials><AssumedRoleUser><Arn>arn:aws:sts::%[4]s:assumed-role/acme-ci-pr/%[5]s</Arn><AssumedRoleId>A</AssumedRoleId></AssumedRoleUser>`+
		`</%[1]sResult></%[1]sResponse>`, action, f.count(), now.Add(f.life).Format(time.RFC3339), f.acct, r.Form.Get("RoleSessionName"))
}

// world is the environment and the services of a test.
type world struct {
	t      *testing.T
	clock  *clock
	env    map[string]string
	github *fakeGitHub
	sts    *fakeSTS
	logs   *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// newWorld is a job on GitHub that may request tokens, for a role that it names. Tests take away what they do not want.
func newWorld(t *testing.T) *world {
	c := newClock()
	w := &world{
		t: t, clock: c, github: &fakeGitHub{audience: defaultAudience}, logs: &syncBuffer{},
		sts: &fakeSTS{clock: c, life: time.Hour, acct: account},
	}
	w.env = map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL": serve(t, w.github) + "/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer,
		"AWS_ROLE_ARN": roleARN, "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "99", "AWS_ENDPOINT_URL_STS": serve(t, w.sts),
		"HOME": t.TempDir(), "USERPROFILE": t.TempDir(), "AWS_EC2_METADATA_DISABLED": "true",
	}
	return w
}

// bare is a machine with nothing.
func bare(t *testing.T) *world {
	w := newWorld(t)
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWS_ROLE_ARN", "GITHUB_ACTIONS"} {
		delete(w.env, name)
	}
	return w
}

// withKeys exports static keys.
func (w *world) withKeys() *world {
	w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = baseKey, baseKey2
	return w
}

func (w *world) options() Options {
	return Options{
		Getenv: func(name string) string { return w.env[name] }, Now: w.clock.Now,
		Log:   slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		seams: seams{backoff: func(int) time.Duration { return 0 }},
	}
}

// choose chooses, and at the end of the test looks for secrets in all that was logged or can be printed.
func (w *world) choose(o Options) *Chosen {
	w.t.Helper()
	c, err := Choose(o)
	if err != nil {
		w.t.Fatalf("Choose() = %v, want a provider", err)
	}
	w.t.Cleanup(func() {
		c.Close()
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
			for _, value := range []any{c, *c, c.AWS(), o, &o} {
				checkSafe(w.t, fmt.Sprintf(format, value))
			}
		}
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "chosen", c, "options", o)
		whole, _ := json.Marshal(c)
		checkSafe(w.t, b.String()+string(whole)+w.logs.String())
	})
	return c
}

func checkSafe(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "CANARY") || strings.Contains(text, "eyJ") {
		t.Errorf("a secret is in: %s", text)
	}
}

// fault checks what holds of every error, and returns it.
func fault(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v (%T), want an *Error", err, err)
	}
	if strings.ContainsAny(e.Error(), "\r\n") {
		t.Errorf("got %q, want one line", e.Error())
	}
	for at := error(e); at != nil; at = errors.Unwrap(at) {
		for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
			checkSafe(t, fmt.Sprintf(format, at))
		}
	}
	fields, _ := json.Marshal(e)
	checkSafe(t, string(fields))
	return e
}

// failing returns the error of using what o chooses.
func (w *world) failing(o Options) *Error {
	w.t.Helper()
	_, err := w.choose(o).AWS().Retrieve(w.t.Context())
	if err == nil {
		w.t.Fatal("Retrieve() = nil, want an error")
	}
	return fault(w.t, err)
}

// key returns the access key of a Retrieve that must succeed.
func key(t *testing.T, c *Chosen) string {
	t.Helper()
	got, err := c.AWS().Retrieve(t.Context())
	if err != nil {
		t.Fatalf("Retrieve() = %v, want credentials", err)
	}
	return got.AccessKeyID
}

// dialTo makes every address the one of a server.
func dialTo(url string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(url, "http://"))
	}
}

func wantIn(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, part := range want {
		if !strings.Contains(got, part) {
			t.Errorf("%s = %q, want it to contain %q", what, got, part)
		}
	}
}
