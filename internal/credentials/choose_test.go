package credentials

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (w *world) with(pairs ...string) *world {
	for i := 0; i < len(pairs); i += 2 {
		w.env[pairs[i]] = pairs[i+1]
	}
	return w
}

// withFile writes one of the shared files.
func (w *world) withFile(name, text string) *world {
	w.t.Helper()
	w.env["USERPROFILE"] = w.env["HOME"]
	path := filepath.Join(w.env["HOME"], ".aws", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w
}

const defaultKeys = "[default]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = CANARY-of-the-profile\n"

func TestChoose(t *testing.T) {
	tests := []struct {
		name    string
		world   *world
		set     func(*Options)
		want    string
		why     string
		ignored []string // parts, one of each
	}{
		{name: "identity tokens", world: newWorld(t), want: GitHubOIDC, why: "AWS_ROLE_ARN"},
		{name: "stale keys lose", world: newWorld(t).withKeys(), want: GitHubOIDC,
			ignored: []string{"static keys in AWS_ACCESS_KEY_ID: not used, because github-oidc comes first"}},
		{name: "half of stale keys loses too", world: newWorld(t).with("AWS_ACCESS_KEY_ID", baseKey), want: GitHubOIDC, ignored: []string{"AWS_ACCESS_KEY_ID: not used"}},
		{name: "role setting", world: newWorld(t).with("AWS_ROLE_ARN", ""), set: func(o *Options) { o.Role = roleARN }, want: GitHubOIDC, why: "the role setting"},
		{name: "no role", world: newWorld(t).with("AWS_ROLE_ARN", "").withKeys(), want: Static, why: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set"},
		{name: "no permission", world: newWorld(t).with("ACTIONS_ID_TOKEN_REQUEST_URL", "").withKeys(), want: Static},
		{name: "token file", world: bare(t).with("AWS_ROLE_ARN", roleARN, "AWS_WEB_IDENTITY_TOKEN_FILE", "/f").withKeys(), want: WebIdentity, ignored: []string{"static keys"}},
		{name: "token file without a role", world: bare(t).with("AWS_WEB_IDENTITY_TOKEN_FILE", "/f").withKeys(), want: Static, ignored: []string{"because no role is set"}},
		{name: "keys before the rest", world: bare(t).withKeys().with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x").withFile("credentials", defaultKeys), want: Static,
			ignored: []string{"the container's credentials", `profile "default"`}},
		{name: "session token", world: bare(t).withKeys().with("AWS_SESSION_TOKEN", "CANARYsession"), want: Static, why: "nothing renews them"},
		{name: "container", world: bare(t).with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x").withFile("credentials", defaultKeys), want: Container},
		{name: "pod identity", world: bare(t).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"), want: Container},
		{name: "pod identity, IPv6", world: bare(t).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[fd00:ec2::23]/v1/credentials"), want: Container},
		{name: "https anywhere", world: bare(t).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://broker.example/x"), want: Container},
		{name: "profile", world: bare(t).withFile("credentials", defaultKeys), want: Profile, why: "(keys)"},
		{name: "profile of a name", world: bare(t).with("AWS_PROFILE", "ci").withFile("config", "[profile ci]\nrole_arn = "+roleARN+"\nsource_profile = default\n").withFile("credentials", defaultKeys), want: Profile, why: "source_profile, keys"},
		{name: "profile with settings only", world: bare(t).with("AWS_EC2_METADATA_DISABLED", "").withFile("config", "[default]\nregion = eu-west-1\n"), want: IMDS},
		{name: "no program by itself", world: bare(t).with("AWS_EC2_METADATA_DISABLED", "").withFile("config", "[default]\ncredential_process = /bin/false\n"), want: IMDS, ignored: []string{"would run a program"}},
		{name: "no program behind a role", world: bare(t).with("AWS_EC2_METADATA_DISABLED", "").withFile("config", "[default]\nrole_arn = "+roleARN+"\nsource_profile = p\n[profile p]\ncredential_process = /bin/false\n"), want: IMDS, ignored: []string{"would run a program"}},
		{name: "imds", world: bare(t).with("AWS_EC2_METADATA_DISABLED", "false"), want: IMDS, why: "at first use"},
		{name: "anonymous", world: newWorld(t).withKeys(), set: func(o *Options) { o.Provider = Anonymous }, want: Anonymous, ignored: []string{"static keys", "GitHub's identity tokens"}},
		{name: "static, set", world: newWorld(t).withKeys(), set: func(o *Options) { o.Provider = Static }, want: Static, why: "is set to it", ignored: []string{`the provider is set to "static"`}},
		{name: "program, set", world: bare(t).withFile("config", "[default]\ncredential_process = /bin/false\n"), set: func(o *Options) { o.Provider = Profile }, want: Profile, why: "credential_process"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.world.options()
			if tt.set != nil {
				tt.set(&o)
			}
			c, err := Choose(o)
			if err != nil {
				t.Fatalf("Choose() = %v, want %s", err, tt.want)
			}
			if c.Provider != tt.want {
				t.Fatalf("Choose() = %s (%s), want %s", c.Provider, c.Why, tt.want)
			}
			wantIn(t, "Why", c.Why, tt.why)
			wantIn(t, "Ignored", strings.Join(c.Ignored, "\n"), tt.ignored...)
			if tt.ignored == nil && len(c.Ignored) > 0 && tt.set == nil && tt.want != Container {
				t.Errorf("Ignored = %q, want none", c.Ignored)
			}
			checkSafe(t, c.String()+strings.Join(c.Ignored, "")+strings.Join(c.NotApplicable, ""))
			if n := tt.world.github.count() + tt.world.sts.count(); n != 0 {
				t.Errorf("Choose() made %d requests, want none", n)
			}
			if (c.AWS() == nil) != (tt.want == Anonymous) {
				t.Errorf("AWS() = %v for %s", c.AWS(), tt.want)
			}
		})
	}
}

func TestChooseFails(t *testing.T) {
	tests := []struct {
		name  string
		world *world
		set   func(*Options)
		want  []string
	}{
		{name: "nothing", world: bare(t), want: []string{"no provider applies", "github-oidc: ", "web-identity: AWS_WEB", "static: AWS_ACC", "container: ", `profile: there is no profile "default"`, "imds: AWS_EC2_METADATA_DISABLED"}},
		{name: "no permission", world: newWorld(t).with("ACTIONS_ID_TOKEN_REQUEST_URL", ""), want: []string{"may not request an identity token", `add "permissions: id-token: write"`}},
		{name: "fork", world: newWorld(t).with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "", "GITHUB_EVENT_NAME", "pull_request"), want: []string{"a pull request from a fork never gets one"}},
		{name: "no permission, set", world: newWorld(t).with("ACTIONS_ID_TOKEN_REQUEST_URL", "").withKeys(), set: func(o *Options) { o.Provider = GitHubOIDC }, want: []string{"credentials github-oidc: choose: this job may not", "id-token: write"}},
		{name: "no role, set", world: newWorld(t).with("AWS_ROLE_ARN", "").withKeys(), set: func(o *Options) { o.Provider = GitHubOIDC }, want: []string{"no role is set"}},
		{name: "no secret key", world: bare(t).with("AWS_ACCESS_KEY_ID", "CANARYKEY"), want: []string{"AWS_SECRET_ACCESS_KEY is not"}},
		{name: "no key id", world: bare(t).with("AWS_SECRET_ACCESS_KEY", "CANARYKEY"), want: []string{"AWS_ACCESS_KEY_ID is not"}},
		{name: "end of line", world: bare(t).with("AWS_ACCESS_KEY_ID", "CANARYKEY", "AWS_SECRET_ACCESS_KEY", "CANARYKEY\n"), want: []string{"AWS_SECRET_ACCESS_KEY holds white space"}},
		{name: "unknown", world: bare(t).withKeys(), set: func(o *Options) { o.Provider = "CANARY" }, want: []string{"none of static, profile"}},
		{name: "role", world: newWorld(t), set: func(o *Options) { o.Role = "CANARY\nrole" }, want: []string{"the role setting is no ARN"}},
		{name: "duration", world: newWorld(t), set: func(o *Options) { o.Duration = time.Minute }, want: []string{"15m to 12h"}},
		{name: "account", world: newWorld(t), set: func(o *Options) { o.AllowedAccount = "acme" }, want: []string{"12 digits"}},
		{name: "clock", world: newWorld(t), set: func(o *Options) { o.Now = nil }, want: []string{"Now"}},
		{name: "certificates", world: newWorld(t), set: func(o *Options) { o.CABundle = []byte("x") }, want: []string{"no certificate"}},
		{name: "certificates' file", world: newWorld(t).with("AWS_CA_BUNDLE", "/nowhere"), want: []string{"AWS_CA_BUNDLE"}},
		{name: "plain http issuer", world: newWorld(t).with("ACTIONS_ID_TOKEN_REQUEST_URL", "http://issuer.example/"), want: []string{"plain http to issuer.example"}},
		{name: "user in a URL", world: newWorld(t).with("ACTIONS_ID_TOKEN_REQUEST_URL", "https://u:CANARY@issuer.example/"), want: []string{"user's name"}},
		{name: "no URL", world: newWorld(t).with("ACTIONS_ID_TOKEN_REQUEST_URL", "https://CANARY\x7f"), want: []string{"no URL"}},
		{name: "plain http STS", world: newWorld(t), set: func(o *Options) { o.STSEndpoint = "http://10.0.0.1" }, want: []string{"STS may not be used", "plain http to 10.0.0.1"}},
		{name: "plain http container", world: bare(t).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.169.254/x"), want: []string{"FULL_URI may not be used"}},
		{name: "plain http container by name", world: bare(t).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost.example/x"), want: []string{"FULL_URI may not be used"}},
		{name: "relative", world: bare(t).with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/x"), want: []string{"slash"}},
		{name: "profile that is not", world: bare(t).with("AWS_PROFILE", "ci").withFile("credentials", defaultKeys), want: []string{`no profile "ci"`, "AWS_PROFILE"}},
		{name: "half a profile", world: bare(t).withFile("credentials", "[default]\naws_access_key_id = CANARY\n"), want: []string{`profile "default"`}},
		{name: "profile with MFA", world: bare(t).with("AWS_PROFILE", "ci").withFile("config", "[profile ci]\nrole_arn = "+roleARN+"\nmfa_serial = x\nsource_profile = default\n").withFile("credentials", defaultKeys), want: []string{"MFA"}},
		{name: "settings only, set", world: bare(t).withFile("config", "[default]\nregion = eu-west-1\n"), set: func(o *Options) { o.Provider = Profile }, want: []string{"has no credentials"}},
		{name: "imds, set and off", world: bare(t), set: func(o *Options) { o.Provider = IMDS }, want: []string{"AWS_EC2_METADATA_DISABLED"}},
		{name: "imds, no URL", world: bare(t).with("AWS_EC2_METADATA_DISABLED", "", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254"), want: []string{"no URL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.world.options()
			if tt.set != nil {
				tt.set(&o)
			}
			c, err := Choose(o)
			if err == nil {
				t.Fatalf("Choose() = %s, want an error", c)
			}
			wantIn(t, "error", fault(t, err).Error(), tt.want...)
		})
	}
}

func TestDefaults(t *testing.T) {
	for region, want := range map[string]string{
		"": "https://sts.us-east-1.amazonaws.com", "eu-west-1": "https://sts.eu-west-1.amazonaws.com", "auto": "https://sts.us-east-1.amazonaws.com",
		"cn-north-1": "https://sts.cn-north-1.amazonaws.com.cn",
	} {
		w := newWorld(t).with("AWS_ENDPOINT_URL_STS", "")
		o := w.options()
		o.Region = region
		if c := w.choose(o); c.Endpoint != want {
			t.Errorf("endpoint in region %q = %s, want %s", region, c.Endpoint, want)
		}
	}
	w := newWorld(t)
	o := w.options()
	o.SessionName, o.Duration = "a b/c", 20*time.Minute
	w.choose(o)
	s, err := newSetup(o)
	if err != nil {
		t.Fatal(err)
	}
	if s.SessionName != "a-b-c" || *s.seconds() != 1200 {
		t.Errorf("session %q of %d s, want a-b-c of 1200", s.SessionName, *s.seconds())
	}
}

// TestRoleIsChained has a role set that the provider does not give.
func TestRoleIsChained(t *testing.T) {
	w := bare(t).withKeys()
	o := w.options()
	o.Role = roleARN
	c := w.choose(o)
	if c.Provider != Static || c.Role != roleARN {
		t.Fatalf("Choose() = %s of role %q, want static of %s", c.Provider, c.Role, roleARN)
	}
	if got := key(t, c); got != "ASIA1" {
		t.Errorf("key = %s, want the role's", got)
	}
	// A role of the environment is for identity tokens only, as in the SDK.
	w = bare(t).withKeys().with("AWS_ROLE_ARN", roleARN)
	if got := key(t, w.choose(w.options())); got != baseKey || w.sts.count() != 0 {
		t.Errorf("key = %s after %d exchanges, want the static one", got, w.sts.count())
	}
	w = bare(t).withKeys()
	w.sts.plan = always(stsError(403, "AccessDenied", "User: x is not authorized"))
	o = w.options()
	o.Role = roleARN
	wantIn(t, "error", w.failing(o).Error(), "code AccessDenied", "sts:AssumeRole on "+roleARN)
	w.sts.plan = always(echo)
	w.sts.n = 0
	wantIn(t, "error", w.failing(o).Error(), "code Weird")
}

func TestStaticCheck(t *testing.T) {
	w := bare(t).withKeys()
	id, err := w.choose(w.options()).Check(t.Context())
	if err != nil || id.Account != account || id.ARN != "arn:aws:iam::"+account+":user/base" || !id.Expires.IsZero() {
		t.Errorf("Check() = %+v, %v, want user/base without an end", id, err)
	}
	o := w.options()
	o.AllowedAccount = "210987654321"
	c := w.choose(o)
	key(t, c) // the account is not known before Check
	_, err = c.Check(t.Context())
	wantIn(t, "Check()", fault(t, err).Error(), "of account "+account)

	w.sts.n, w.sts.plan = 0, always(stsError(403, "InvalidClientTokenId", "unknown"))
	id, err = w.choose(w.options()).Check(t.Context())
	if err != nil {
		t.Errorf("Check() of keys that STS does not know = %v, want an identity without a name", err)
	}
	wantIn(t, "Unknown", id.Unknown, "InvalidClientTokenId", "MinIO or R2")
	if _, err = w.choose(o).Check(t.Context()); err == nil {
		t.Error("Check() with an allowed account and an unknown identity = nil, want an error")
	}
	o = w.options()
	o.Provider = Anonymous
	if id, err := w.choose(o).Check(t.Context()); err != nil || id.Provider != Anonymous {
		t.Errorf("Check() of anonymous = %+v, %v, want no more than its name", id, err)
	}
}
