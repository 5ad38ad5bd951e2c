//go:build unix

package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/config"
)

// child names the file into which a process that Detach started writes what it got.
const child = "COMPILE_CACHE_TEST_CHILD"

func TestMain(m *testing.M) {
	if file := os.Getenv(child); file != "" {
		os.Exit(beChild(file))
	}
	os.Exit(m.Run())
}

// received is what a started daemon got.
type received struct {
	Started []string // its environment as others see it
	Now     string   // HTTPS_PROXY as it sees it itself
	Secrets map[string]string
}

func beChild(file string) int {
	tell := TellStarter()
	got := received{Started: os.Environ(), Secrets: map[string]string{}}
	secrets, err := ReadSecrets()
	if err != nil {
		tell(err)
		return 1
	}
	got.Now = os.Getenv("HTTPS_PROXY")
	for _, name := range append([]string{"GITHUB_TOKEN", "HTTPS_PROXY", "ACTIONS_NEW_TOKEN"}, secretNames...) {
		if v := secrets.Get(name); v != "" {
			got.Secrets[name] = v
		}
	}
	b, err := json.Marshal(got)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	tell(err)
	return 0
}

func TestDetachHandsOverSecrets(t *testing.T) {
	long := strings.Repeat("x", 100<<10) // more than a pipe holds
	everything := []string{
		"PATH=/bin", "HOME=/h", "LC_ALL=C", "GITHUB_RUN_ID=7", "RUNNER_TRACKING_ID=t", "XDG_CACHE_HOME=/x", "http_proxy=http://proxy", "NO_PROXY=a",
		"HTTPS_PROXY=http://me:pw@proxy", "AWS_REGION=r", "AWS_WEB_IDENTITY_TOKEN_FILE=/t", "COMPILE_CACHE_KEY_SALT=s", "BUILD_TAG=b",
		"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=key", "AWS_SESSION_TOKEN=" + long, "ACTIONS_ID_TOKEN_REQUEST_URL=https://u?a=b", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=token",
		"ACTIONS_RUNTIME_TOKEN=token", "ACTIONS_NEW_TOKEN=new", "AWS_SESSION_TOKEN=second",
		"GITHUB_TOKEN=gh", "RUNNER_PASSWORD=p", "AWS_BEARER_TOKEN_BEDROCK=b", "DB_PASSWORD=p", "NPM_TOKEN=n", "EDITOR=vi", "nonsense", "INPUT_ROLE=r", "STATE_program=/p",
	}
	public := []string{
		"PATH=/bin", "HOME=/h", "LC_ALL=C", "GITHUB_RUN_ID=7", "RUNNER_TRACKING_ID=t", "XDG_CACHE_HOME=/x", "http_proxy=http://proxy", "NO_PROXY=a",
		"AWS_REGION=r", "AWS_WEB_IDENTITY_TOKEN_FILE=/t", "COMPILE_CACHE_KEY_SALT=s", "BUILD_TAG=b",
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		bucket  string
		now     string
		secrets map[string]string
	}{
		{"s3://acme", "http://me:pw@proxy", map[string]string{
			"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": long, "ACTIONS_ID_TOKEN_REQUEST_URL": "https://u?a=b",
			"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "token", "ACTIONS_RUNTIME_TOKEN": "token", "ACTIONS_NEW_TOKEN": "new", "HTTPS_PROXY": "http://me:pw@proxy",
		}},
		{"file:///d", "", map[string]string{}},
		{"off", "", map[string]string{}},
		{"s3://me:pw@acme", "", map[string]string{}},
	} {
		file := filepath.Join(t.TempDir(), "got")
		ours := []string{"COMPILE_CACHE_BUCKET=" + tt.bucket, child + "=" + file}
		if err := Detach(self, nil, append(slices.Clone(everything), ours...)); err != nil {
			t.Fatalf("%s: %v", tt.bucket, err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got received
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		want := received{Started: append(slices.Clone(public), ours...), Now: tt.now, Secrets: tt.secrets}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", tt.bucket, diff)
		}
	}
}

func TestDetachRefusesTooManySecrets(t *testing.T) {
	err := Detach("/nowhere", nil, []string{"COMPILE_CACHE_BUCKET=s3://acme", "AWS_SESSION_TOKEN=" + strings.Repeat("x", maxSecrets)})
	if err == nil || !strings.Contains(err.Error(), "more than 262144 bytes") {
		t.Errorf("Detach = %v, want an error", err)
	}
}

func TestDecodeSecrets(t *testing.T) {
	whole, err := encodeSecrets([]string{"A=1", "B=", "C=x=y"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeSecrets(whole)
	if diff := cmp.Diff([]string{"A=1", "B=", "C=x=y"}, got); diff != "" || err != nil {
		t.Errorf("decodeSecrets: %v\n%s", err, diff)
	}
	if got, err := decodeSecrets([]byte{0}); len(got) != 0 || err != nil {
		t.Errorf("decodeSecrets of none = %q, %v", got, err)
	}
	for n := range whole {
		if got, err := decodeSecrets(whole[:n]); err == nil {
			t.Errorf("decodeSecrets of the first %d bytes = %q, want an error", n, got)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	const canary = "canary-7f3a"
	s := newSecrets([]string{"AWS_SECRET_ACCESS_KEY=" + canary})
	if got := s.Over(func(string) string { return "other" })("AWS_SECRET_ACCESS_KEY"); got != canary {
		t.Fatalf("Over = %q, want the secret", got)
	}
	if got := s.Over(func(string) string { return "other" })("AWS_REGION"); got != "other" {
		t.Errorf("Over = %q, want what is no secret from elsewhere", got)
	}
	if got := (Secrets{}).Get("x"); got != "" {
		t.Errorf("Get of none = %q", got)
	}
	o := Options{Secrets: s, Config: config.Read(func(string) string { return "" })}
	inside := struct{ o *Options }{&o}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+verb+verb+verb, s, &s, o, inside)
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&shown, nil), slog.NewTextHandler(&shown, nil)} {
		slog.New(handler).Info("x", "secrets", s, "options", o)
	}
	b, err := json.Marshal(map[string]any{"secrets": s})
	fmt.Fprintf(&shown, "%s %v %v", b, err, errors.New(fmt.Sprint(s)))
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%d", []byte(canary))} {
		if strings.Contains(shown.String(), strings.Trim(form, "[]")) {
			t.Errorf("it is shown: %s", shown.String())
		}
	}
}
