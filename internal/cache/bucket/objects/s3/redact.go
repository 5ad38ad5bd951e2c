package s3

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// redactor hands out credentials and keeps them out of texts: services and proxies may repeat a request in their error.
type redactor struct {
	provider aws.CredentialsProvider

	mu      sync.Mutex
	secrets []string // guarded by mu, as key; those of the last credentials
	key     string   // access key of the last credentials
}

// credentialsError is a failure to get credentials.
type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

// RetryableError tells the SDK that a provider has repeated by itself what is worth it.
func (e *credentialsError) RetryableError() bool { return false }

// Retrieve implements aws.CredentialsProvider.
func (r *redactor) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := r.provider.Retrieve(ctx)
	if err != nil {
		return c, &credentialsError{err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets, r.key = r.secrets[:0:0], c.AccessKeyID
	for _, secret := range []string{c.SecretAccessKey, c.SessionToken, c.AccessKeyID} {
		if len(secret) >= 8 { // a shorter one is a word such as "minio", which is in texts for other reasons
			r.secrets = append(r.secrets, secret)
		}
	}
	return c, nil
}

// invalidate asks the provider for other credentials than the last, where it can be asked.
func (r *redactor) invalidate() {
	r.mu.Lock()
	key := r.key
	r.mu.Unlock()
	if p, ok := r.provider.(interface{ Invalidate(accessKeyID string) }); ok {
		p.Invalidate(key)
	}
}

// signed finds what a signature is made of, in headers and in URLs, and access keys.
var signed = regexp.MustCompile(`(?i)(AWS4-HMAC-SHA256[^<>\n]*|(X-Amz-(Signature|Security-Token|Credential)|Signature|Credential)["']?\s*[=:]\s*[^&\s,;<>"']+|` +
	`Authorization["']?\s*[=:]\s*[^<>\n]*|\b(AKIA|ASIA)[A-Z0-9]{12,}|://[^/\s@]*@)`)

const redacted = "[redacted]"

// maxText bounds what of a foreign text is told, and maxAdvice our own words around one, which may hold a whole policy.
const (
	maxText   = 500
	maxAdvice = 2000
)

// text returns a foreign text in one line, bounded and without secrets.
func (r *redactor) text(s string) string { return r.bounded(s, maxText) }

func (r *redactor) advice(s string) string { return r.bounded(s, maxAdvice) }

func (r *redactor) bounded(s string, limit int) string {
	r.mu.Lock()
	secrets := r.secrets
	r.mu.Unlock()
	for _, secret := range secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	s = signed.ReplaceAllString(s, redacted)
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(c rune) bool { return c < ' ' || c == 0x7f || c == 0x85 || c == 0x2028 || c == 0x2029 }), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}
