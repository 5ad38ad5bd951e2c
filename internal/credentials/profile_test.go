package credentials

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

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
