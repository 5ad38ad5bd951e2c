package credentials

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestTokenFileIsReadEachTime(t *testing.T) {
	w := bare(t)
	file := filepath.Join(t.TempDir(), "token")
	w.with("AWS_ROLE_ARN", roleARN, "AWS_WEB_IDENTITY_TOKEN_FILE", file)
	c := w.choose(w.options())
	_, err := c.AWS().Retrieve(t.Context())
	if e := fault(t, err); !errors.Is(e, os.ErrNotExist) || e.Endpoint != file {
		t.Errorf("Retrieve() without the file = %v, want it to name %s", e, file)
	}
	for n := 1; n <= 2; n++ {
		// The fake refuses a token that it has seen.
		if err := os.WriteFile(file, []byte(mint(claimsOf(n))+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := c.Check(t.Context())
		if err != nil || id.Account != account {
			t.Fatalf("Check() after rotation %d = %+v, %v, want account %s", n, id, err, account)
		}
	}
	_, err = c.Check(t.Context())
	wantIn(t, "Check() of a token that was not rotated", fault(t, err).Error(), "ExpiredTokenException", "has to renew it")
	for text, want := range map[string]string{" \n": "empty", strings.Repeat("x", maxAnswer+1): "longer than"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = c.Check(t.Context())
		wantIn(t, "Check()", fault(t, err).Error(), want)
	}
}

// fakeECS gives credentials to who has the token.
type fakeECS struct {
	requests
	clock *clock
	token string
}

func (f *fakeECS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if planned := f.next(); planned != nil {
		planned(w, r)
		return
	}
	if r.Header.Get("Authorization") != f.token || r.URL.Path != "/v2/creds" {
		w.Header().Set("Content-Type", "application/json")
		status(http.StatusUnauthorized, `{"code":"AccessDenied","message":"no such token"}`)(w, r)
		return
	}
	fmt.Fprintf(w, `{"AccessKeyId":"ASIAPOD%d","SecretAccessKey":"CANARY-pod-secret","Token":"CANARY-pod-session","AccountId":%q,"Expiration":%q}`,
		f.count(), account, f.clock.Now().Add(20*time.Minute).Format(time.RFC3339))
}

func TestContainer(t *testing.T) {
	w := bare(t)
	ecs := &fakeECS{clock: w.clock, token: podToken}
	url := serve(t, ecs)
	file := filepath.Join(t.TempDir(), "token")
	w.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", url+"/v2/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "CANARY-wrong", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
	c := w.choose(w.options())
	if err := os.WriteFile(file, []byte(podToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := key(t, c); got != "ASIAPOD1" {
		t.Errorf("key = %s, want ASIAPOD1", got)
	}
	ecs.token = "CANARY-rotated-token"
	if err := os.WriteFile(file, []byte(ecs.token), 0o600); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(16 * time.Minute)
	if _, err := c.Check(t.Context()); err != nil {
		t.Errorf("Check() with a rotated token = %v, want credentials", err)
	}
	if got := key(t, c); got != "ASIAPOD2" {
		t.Errorf("key = %s, want ASIAPOD2", got)
	}
	if err := os.WriteFile(file, []byte("CANARY\nCANARY"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := c.Check(t.Context())
	wantIn(t, "Check()", fault(t, err).Error(), "more than one line")

	// The relative form is an address that only ECS has.
	w = bare(t).with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN", ecs.token)
	o := w.options()
	o.seams.dial = dialTo(url)
	if got := key(t, w.choose(o)); got != "ASIAPOD3" {
		t.Errorf("key = %s, want ASIAPOD3", got)
	}
}

func TestContainerFailures(t *testing.T) {
	const keysInside = `{"AccessKeyId":"CANARYKEY","SecretAccessKey":"CANARY-pod-secret","Token":"CANARY"}`
	tests := []struct {
		name, want string
		answer     http.HandlerFunc
		requests   int
	}{
		{"token refused", "refuses the authorization token", nil, 1},
		{"down", "status 503", status(503, "later"), localTries},
		{"null", "its reader fail", status(200, "null"), 1},
		{"empty", "no complete credentials", status(200, "{}"), 1},
		{"no JSON", "get container credentials", status(400, keysInside), 1},
		{"cut", "get container credentials", cut, localTries},
		{"redirected", "status 302", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/v2/creds", http.StatusFound) }, 1},
		{"endless", "longer than", endless, 1},
		{"echo", "status 400", echo, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := bare(t)
			ecs := &fakeECS{clock: w.clock, token: podToken}
			if tt.answer != nil {
				ecs.plan = always(tt.answer)
			}
			w.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", serve(t, ecs)+"/v2/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "CANARY-wrong-token")
			wantIn(t, "error", w.failing(w.options()).Error(), tt.want)
			if ecs.count() != tt.requests {
				t.Errorf("got %d requests, want %d", ecs.count(), tt.requests)
			}
		})
	}
}

// TestDeadContainer asks an endpoint that is not there, once.
func TestDeadContainer(t *testing.T) {
	w := bare(t).with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds")
	dials := &requests{}
	o := w.options()
	o.seams.dial = func(context.Context, string, string) (net.Conn, error) {
		dials.next()
		return nil, errors.New("no route to host")
	}
	c := w.choose(o)
	for range 2 {
		_, err := c.Check(t.Context())
		wantIn(t, "Check()", fault(t, err).Error(), "no route to host", "not asked again")
	}
	if dials.count() != localTries {
		t.Errorf("got %d connections, want the %d of the first question", dials.count(), localTries)
	}
}

// fakeIMDS is the metadata service in version 2: what comes without a session token is refused.
type fakeIMDS struct {
	requests
	clock *clock
	v1    requests
	plans map[string]http.HandlerFunc // by path
}

func (f *fakeIMDS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.next()
	if planned := f.plans[r.URL.Path]; planned != nil {
		planned(w, r)
		return
	}
	const token, list = "/latest/api/token", "/latest/meta-data/iam/security-credentials/"
	switch {
	case r.Method == http.MethodPut && r.URL.Path == token:
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		io.WriteString(w, "CANARY-metadata-token")
	case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "CANARY-metadata-token":
		f.v1.next()
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == list:
		io.WriteString(w, "runner")
	case r.URL.Path == list+"runner":
		fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"ASIAEC2%d","SecretAccessKey":"CANARY-ec2-secret","Token":"CANARY-ec2-session","Expiration":%q}`,
			f.count(), f.clock.Now().Add(6*time.Hour).Format(time.RFC3339))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// instance is an EC2 instance with nothing else.
func instance(t *testing.T, url string) *world {
	return bare(t).with("AWS_EC2_METADATA_DISABLED", "", "AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
}

func TestIMDS(t *testing.T) {
	imds := &fakeIMDS{clock: newClock()}
	w := instance(t, serve(t, imds))
	w.clock = imds.clock
	c := w.choose(w.options())
	if imds.count() != 0 {
		t.Errorf("Choose() made %d requests, want none", imds.count())
	}
	for range 3 {
		if got := key(t, c); got != "ASIAEC23" {
			t.Errorf("key = %s, want ASIAEC23 of the third request", got)
		}
	}
	if imds.count() != 3 || imds.v1.count() != 0 {
		t.Errorf("got %d requests, %d of them of version 1, want 3 and 0", imds.count(), imds.v1.count())
	}
	// The default address, over a connection that goes elsewhere.
	w = bare(t).with("AWS_EC2_METADATA_DISABLED", "")
	o := w.options()
	o.seams.dial = dialTo(serve(t, imds))
	key(t, w.choose(o))
}

func TestIMDSFailures(t *testing.T) {
	const token, list = "/latest/api/token", "/latest/meta-data/iam/security-credentials/"
	tests := []struct {
		name, path string
		answer     http.HandlerFunc
		want       []string
		requests   int
	}{
		{"turned off", token, status(403, ""), []string{"status 403", "turned off"}, 1},
		{"another cloud", token, status(405, ""), []string{"status 405", "no metadata service of EC2"}, 1},
		{"no role", list, status(404, ""), []string{"status 404", "no role", "attach an instance profile"}, 2},
		{"session token refused", list, status(401, ""), []string{"status 401", "does not accept the session token"}, 2},
		{"down", token, status(503, ""), []string{"status 503"}, localTries},
		{"null", list + "runner", status(200, "null"), []string{"get instance credentials"}, 3},
		{"no JSON", list + "runner", status(200, "CANARY"), []string{"get instance credentials"}, 3},
		{"endless", list + "runner", endless, []string{"longer than"}, 3},
		{"echo", list, echo, []string{"status 400"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			imds := &fakeIMDS{clock: newClock(), plans: map[string]http.HandlerFunc{tt.path: tt.answer}}
			w := instance(t, serve(t, imds))
			c := w.choose(w.options())
			_, err := c.Check(t.Context())
			wantIn(t, "Check()", fault(t, err).Error(), append(tt.want, "no other provider applies: github-oidc: ")...)
			first := imds.count()
			_, err = c.Check(t.Context())
			fault(t, err)
			if first < tt.requests || imds.count() != first || imds.v1.count() != 0 {
				t.Errorf("got %d requests, then %d more, %d of version 1; want at least %d, 0, 0", first, imds.count()-first, imds.v1.count(), tt.requests)
			}
		})
	}
}

// TestNoIMDS is any machine but an EC2 instance. The reason that people can act on comes first.
func TestNoIMDS(t *testing.T) {
	w := newWorld(t).with("AWS_EC2_METADATA_DISABLED", "", "ACTIONS_ID_TOKEN_REQUEST_URL", "")
	dials := &requests{}
	o := w.options()
	o.seams.dial = func(context.Context, string, string) (net.Conn, error) {
		dials.next()
		return nil, errors.New("no route to host")
	}
	c := w.choose(o)
	_, err := c.AWS().Retrieve(t.Context())
	wantIn(t, "Retrieve()", fault(t, err).Error(), "nothing answers there", `; add "permissions: id-token: write"`, "this machine is no EC2 instance")
	first := dials.count()
	for range 3 {
		w.clock.advance(time.Hour)
		if _, err := c.AWS().Retrieve(t.Context()); err == nil {
			t.Error("Retrieve() = nil, want the error that is remembered")
		}
	}
	if first == 0 || dials.count() != first {
		t.Errorf("got %d connections, then %d more, want some and none", first, dials.count()-first)
	}
}

// TestBlackHole is a metadata service that takes connections and never answers: the time ends when the request has arrived.
func TestBlackHole(t *testing.T) {
	tests := []struct {
		name, path string
		answer     func(http.ResponseWriter, *http.Request)
		want       string
	}{
		{"hop limit", "/latest/api/token", nil, "http-put-response-hop-limit 2"},
		{"stall", "/latest/meta-data/iam/security-credentials/", nil, "no credentials in time"},
		{"a byte and no more", "/latest/meta-data/iam/security-credentials/runner", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "{")
			w.(http.Flusher).Flush()
		}, "get instance credentials"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arrived, limits := make(chan struct{}, 10), make(chan time.Duration, 10)
			imds := &fakeIMDS{clock: newClock()}
			imds.plans = map[string]http.HandlerFunc{tt.path: func(w http.ResponseWriter, r *http.Request) {
				if tt.answer != nil {
					tt.answer(w, r)
				}
				arrived <- struct{}{}
				<-r.Context().Done()
			}}
			w := instance(t, serve(t, imds))
			o := w.options()
			o.seams.limit = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
				limits <- d
				ctx, cancel := context.WithCancel(ctx)
				go func() {
					select {
					case <-arrived:
					case <-ctx.Done():
					}
					cancel()
				}()
				return ctx, cancel
			}
			c := w.choose(o)
			_, err := c.AWS().Retrieve(t.Context())
			wantIn(t, "Retrieve()", fault(t, err).Error(), tt.want)
			before := imds.count()
			w.clock.advance(time.Hour)
			if _, err := c.Check(t.Context()); err == nil {
				t.Error("Check() = nil, want the error that is remembered")
			}
			if d := <-limits; d != probeTime || len(limits) != 0 || imds.count() != before || before == 0 {
				t.Errorf("asked for %v, %d times more, with %d requests and then %d; want %v once", d, len(limits), before, imds.count()-before, probeTime)
			}
		})
	}
}

func TestProfile(t *testing.T) {
	role := "[default]\nrole_arn = " + roleARN + "\n"
	tests := []struct {
		name, config, credentials, want string
		set                             bool
		prepare                         func(*world)
	}{
		{name: "keys", credentials: defaultKeys, want: "AKIAPROFILE"},
		{name: "role of a profile", config: role + "source_profile = p\n[profile p]\n", credentials: strings.Replace(defaultKeys, "default", "p", 1), want: "ASIA1"},
		{name: "role of keys", config: role + "credential_source = Environment\n", want: "ASIA1", set: true, prepare: func(w *world) { w.withKeys() }},
		{name: "role of an instance", config: role + "credential_source = Ec2InstanceMetadata\n", want: "ASIA1", prepare: func(w *world) {
			w.with("AWS_EC2_METADATA_DISABLED", "", "AWS_EC2_METADATA_SERVICE_ENDPOINT", serve(w.t, &fakeIMDS{clock: w.clock}))
		}},
		{name: "program", config: "[default]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"AKIAPROGRAM\",\"SecretAccessKey\":\"CANARYsecret\"}'\n", want: "AKIAPROGRAM", set: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "program" && runtime.GOOS == "windows" {
				t.Skip("the program is a line of sh")
			}
			w := bare(t).withFile("config", tt.config).withFile("credentials", tt.credentials)
			if tt.prepare != nil {
				tt.prepare(w)
			}
			o := w.options()
			if tt.set {
				o.Provider = Profile
			}
			c := w.choose(o)
			if got := key(t, c); c.Provider != Profile || got != tt.want {
				t.Errorf("key = %s of %s, want %s of profile", got, c.Provider, tt.want)
			}
		})
	}
	t.Run("token file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(mint(claimsOf(1))), 0o600); err != nil {
			t.Fatal(err)
		}
		w := bare(t).withFile("config", role+"web_identity_token_file = "+file+"\n")
		if got := key(t, w.choose(w.options())); got != "ASIA1" {
			t.Errorf("key = %s, want ASIA1", got)
		}
	})
	t.Run("program fails", func(t *testing.T) {
		w := bare(t).withFile("config", "[default]\ncredential_process = echo CANARY; echo CANARY >&2; exit 3\n")
		o := w.options()
		o.Provider = Profile
		wantIn(t, "error", w.failing(o).Error(), "run credential_process")
	})
}

// redirect sends every request to one server.
type redirect struct{ to string }

func (r redirect) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.URL.Scheme, request.URL.Host = "http", strings.TrimPrefix(r.to, "http://")
	return http.DefaultTransport.RoundTrip(request)
}

func TestSingleSignOn(t *testing.T) {
	w := bare(t).withFile("config", "[default]\nsso_session = acme\nsso_account_id = "+account+"\nsso_role_name = dev\n"+
		"[sso-session acme]\nsso_region = eu-west-1\nsso_start_url = https://acme.example/start\n")
	sum := sha1.Sum([]byte("acme"))
	file := filepath.Join("sso", "cache", hex.EncodeToString(sum[:])+".json")
	if err := os.MkdirAll(filepath.Join(w.env["HOME"], ".aws", "sso", "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	portal := &requests{plan: always(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Sso_bearer_token") != "CANARY-sso-token" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(rw, `{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"CANARY-sso-secret","sessionToken":"CANARY","expiration":%d}}`,
			w.clock.Now().Add(time.Hour).UnixMilli())
	})}
	o := w.options()
	o.HTTPClient = &http.Client{Transport: redirect{serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { portal.next()(rw, r) }))}}
	e := w.failing(o)
	wantIn(t, "error without a session", e.Error(), "aws sso login --profile default")
	w.withFile(file, `{"accessToken":"CANARY-sso-token","expiresAt":"2999-01-01T00:00:00Z"}`)
	if got := key(t, w.choose(o)); got != "ASIASSO" || portal.count() != 1 {
		t.Errorf("key = %s after %d requests, want ASIASSO after 1", got, portal.count())
	}
}

// TestCertificates asks an STS whose certificate only the bundle knows.
func TestCertificates(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewUnstartedServer(w.sts)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake that we want to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	o := w.options()
	o.STSEndpoint = server.URL
	e := w.failing(o)
	if e.Temporary {
		t.Errorf("got the temporary error %v, want a lasting one", e)
	}
	wantIn(t, "error", e.Error(), "certificate")
	o.CABundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	key(t, w.choose(o))
}

func TestEndOfContext(t *testing.T) {
	w := newWorld(t)
	c := w.choose(w.options())
	ctx, cancel := context.WithCancel(t.Context())
	w.github.plan = []http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done() // until Close
	}}
	_, err := c.AWS().Retrieve(ctx)
	if e := fault(t, err); !errors.Is(e, context.Canceled) || !e.Temporary {
		t.Errorf("Retrieve() = %v, want a temporary end of the context", e)
	}
	c.Close()
	_, err = c.AWS().Retrieve(t.Context())
	if !errors.Is(fault(t, err), errClosed) {
		t.Errorf("Retrieve() after Close = %v, want %v", err, errClosed)
	}
	_, err = c.Check(t.Context())
	fault(t, err)
}
