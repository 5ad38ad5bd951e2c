package daemon

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/config"
)

// A process's environment can be read by every process of its user, for as long as it lives, whatever it does about it. So a daemon is
// started with the variables that it has a use for and none that is secret. Secrets that a bucket may need come by a pipe; all others
// are left behind.

// Secrets are variables that no other process shall see. They are kept in a function, so that whoever prints what holds them, in
// whatever format, prints none.
type Secrets struct{ get func(string) string }

// Get returns a secret, "" where there is none.
func (s Secrets) Get(name string) string {
	if s.get == nil {
		return ""
	}
	return s.get(name)
}

// Over returns a lookup among the secrets and, where they have none of a name, in getenv.
func (s Secrets) Over(getenv func(string) string) func(string) string {
	return func(name string) string {
		if v := s.Get(name); v != "" {
			return v
		}
		return getenv(name)
	}
}

// secretNames are the secrets that a daemon with a bucket is given. What ACTIONS_RESULTS_URL and ACTIONS_CACHE_MODE say is no secret; they
// go with the token that is used with them.
var secretNames = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_MODE",
}

// publicNames and publicPrefixes are what may be in a daemon's environment. What lies under a prefix and has a word of secretWords in its
// name may not, unless it names a file.
var (
	publicNames = []string{
		"HOME", "PATH", "TMPDIR", "TMP", "TEMP", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ",
		"CI", "CI_JOB_ID", "BUILDKITE_JOB_ID", "CIRCLE_WORKFLOW_JOB_ID", "BUILD_TAG", // a job, as protocol.FindPlace knows it
		"SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG", "GOMAXPROCS", "GOTRACEBACK",
	}
	publicPrefixes = []string{"COMPILE_CACHE_", "GITHUB_", "RUNNER_", "XDG_", "LC_", "AWS_"}
	secretWords    = []string{"TOKEN", "SECRET", "PASSWORD", "ACCESS_KEY"}
	proxyNames     = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
)

// isProxy reports whether a variable names a proxy, whose address may have a password in it.
func isProxy(name string) bool { return slices.Contains(proxyNames, strings.ToUpper(name)) }

func isSecret(name string) bool {
	return slices.Contains(secretNames, name) || strings.HasPrefix(name, "ACTIONS_") && strings.Contains(name, "TOKEN")
}

func isPublic(name string) bool {
	if slices.Contains(publicNames, name) {
		return true
	}
	under := slices.ContainsFunc(publicPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	secret := slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
	return under && (strings.HasPrefix(name, "COMPILE_CACHE_") || !secret || strings.HasSuffix(name, "_FILE"))
}

// splitEnvironment divides an environment into what a daemon is started with and what it is given by pipe. All else is in neither.
func splitEnvironment(env []string) (public, secret []string) {
	for _, kv := range env {
		name, value, ok := strings.Cut(kv, "=")
		switch {
		case !ok:
		case isSecret(name), isProxy(name) && strings.Contains(value, "@"):
			secret = append(secret, kv)
		case isPublic(name), isProxy(name):
			public = append(public, kv)
		}
	}
	if !NeedsSecrets(config.Read(lookup(env))) {
		secret = nil
	}
	return public, secret
}

// NeedsSecrets reports whether a daemon with these settings is to be given secrets: only one that asks a service is.
func NeedsSecrets(c config.Config) bool {
	return c.Bucket.Value.Kind == config.S3 || c.Edge.Value.Kind == config.S3
}

// maxSecrets bounds what is sent through the pipe, in bytes.
const maxSecrets = 256 << 10

// encodeSecrets returns what goes through the pipe: each variable with a NUL behind it, and a NUL at the end, by which the whole is known
// from a part.
func encodeSecrets(secret []string) ([]byte, error) {
	var b []byte
	for _, kv := range secret {
		b = append(append(b, kv...), 0)
	}
	if b = append(b, 0); len(b) > maxSecrets {
		return nil, fmt.Errorf("the credentials in the environment have more than %d bytes", maxSecrets)
	}
	return b, nil
}

// decodeSecrets reads what encodeSecrets wrote.
func decodeSecrets(b []byte) ([]string, error) {
	body, ok := bytes.CutSuffix(b, []byte{0})
	if !ok || len(body) > 0 && body[len(body)-1] != 0 || len(b) > maxSecrets {
		return nil, fmt.Errorf("the credentials did not arrive in full")
	}
	var all []string
	for kv := range bytes.SplitSeq(bytes.TrimSuffix(body, []byte{0}), []byte{0}) {
		if len(kv) > 0 {
			all = append(all, string(kv))
		}
	}
	return all, nil
}

// newSecrets keeps variables. Of several of one name the first counts, as in an environment.
func newSecrets(env []string) Secrets { return Secrets{get: lookup(env)} }

func lookup(env []string) func(string) string {
	values := make(map[string]string, len(env))
	for _, kv := range env {
		name, value, ok := strings.Cut(kv, "=")
		if _, twice := values[name]; ok && !twice {
			values[name] = value
		}
	}
	return func(name string) string { return values[name] }
}
