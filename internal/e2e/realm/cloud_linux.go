package realm

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Cloud is a network with everything that a repository's jobs meet in it: S3 with IAM and STS, and GitHub's issuer.
type Cloud struct {
	Network *Network
	IAM     *IAM
	Gateway *Gateway
	Issuer  *Issuer
	GitHub  *Authority // of the issuer's certificate
	Storage *Front     // S3
	STS     *Front

	StorageCA             *Authority // of the certificates of S3 and STS
	GitHubPEM, StoragePEM string     // files
	TrustedRole, PRRole   string     // ARNs
	BucketDir             string     // where the bucket's objects are files
	mu                    sync.Mutex
	sessions              []string // secrets that STS gave
	Dir                   string   // Dir/checkout is each machine's own, kept in Dir/machine0 and Dir/machine1
}

// NewCloud starts it all, with files under dir. Its roles are made as a guide says; but not the policy of the bucket: versitygw 1.8.0
// has no condition s3:if-none-match.
func NewCloud(versitygw, dir, guide string) (c *Cloud, err error) {
	c = &Cloud{Dir: dir, GitHubPEM: filepath.Join(dir, "github.pem"), StoragePEM: filepath.Join(dir, "storage.pem")}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if c.Network, err = NewNetwork(dir); err != nil {
		return nil, err
	}
	if c.GitHub, err = NewAuthority("GitHub's"); err != nil {
		return nil, err
	}
	if c.StorageCA, err = NewAuthority("Acme's"); err != nil {
		return nil, err
	}
	if err := c.GitHub.Write(c.GitHubPEM); err != nil {
		return nil, err
	}
	if err := c.StorageCA.Write(c.StoragePEM); err != nil {
		return nil, err
	}
	config, err := c.GitHub.Server(IssuerHost)
	if err != nil {
		return nil, err
	}
	l, err := c.Network.Cloud.Listen(CloudAddress + ":443")
	if err != nil {
		return nil, err
	}
	if c.Issuer, err = NewIssuer(l, config); err != nil {
		l.Close()
		return nil, err
	}
	if c.IAM, err = StartIAM(versitygw, dir, c.Network.Cloud.Command); err != nil {
		return nil, err
	}
	if c.Gateway, err = StartGateway(versitygw, dir, c.IAM); err != nil {
		return nil, err
	}
	if config, err = c.StorageCA.Server("s3.realm.test", "sts.realm.test", CloudAddress); err != nil {
		return nil, err
	}
	if l, err = c.Network.Cloud.Listen(CloudAddress + ":8443"); err != nil {
		return nil, err
	}
	c.Storage = NewFront(l, config, c.Gateway.Dial)
	if l, err = c.Network.Cloud.Listen(CloudAddress + ":9443"); err != nil {
		return nil, err
	}
	c.STS = NewFront(l, config, c.IAM.Dial)
	c.STS.Observe = c.observe

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if c.BucketDir, err = c.Gateway.CreateBucket(ctx, Bucket); err != nil {
		return nil, err
	}
	provider, err := c.IAM.Trust(ctx, c.GitHub)
	if err != nil {
		return nil, fmt.Errorf("trust the issuer: %w", err)
	}
	trust, policy, err := guided(guide, provider)
	if err != nil {
		return nil, err
	}
	if c.TrustedRole, err = c.IAM.CreateRole(ctx, "compile-cache-trusted", trust[0], policy[0]); err != nil {
		return nil, err
	}
	if c.PRRole, err = c.IAM.CreateRole(ctx, "compile-cache-pr", trust[1], policy[1]); err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends everything.
func (c *Cloud) Close() {
	for _, f := range []*Front{c.Storage, c.STS} {
		if f != nil {
			f.Close()
		}
	}
	if c.Issuer != nil {
		c.Issuer.Close()
	}
	if c.Gateway != nil {
		c.Gateway.Close()
	}
	if c.IAM != nil {
		c.IAM.Close()
	}
	if c.Network != nil {
		c.Network.Close()
	}
}

// Sessions returns the secret keys and the session tokens that STS gave so far.
func (c *Cloud) Sessions() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.sessions...)
}

// observe keeps the secrets of STS's answers.
func (c *Cloud) observe(_ *http.Request, _ int, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tag := range []string{"SecretAccessKey", "SessionToken"} {
		_, rest, _ := strings.Cut(string(body), "<"+tag+">")
		if secret, _, ok := strings.Cut(rest, "</"+tag+">"); ok {
			c.sessions = append(c.sessions, secret)
		}
	}
}

// guided are the policies of a guide's JSON: in its order the trust policy and the policy of each role, first the trusted one.
// The account is the IAM's own.
func guided(guide, provider string) (trust, policy [2]string, err error) {
	var trusts, policies []string
	for i, part := range strings.Split(guide, "```json\n") {
		text, _, ok := strings.Cut(part, "```")
		switch {
		case i == 0 || !ok:
		case strings.Contains(text, "sts:AssumeRoleWithWebIdentity"):
			trusts = append(trusts, strings.ReplaceAll(text, "arn:aws:iam::123456789012:oidc-provider/"+IssuerHost, provider))
		case strings.Contains(text, "s3:GetObject"):
			policies = append(policies, text)
		}
	}
	if len(trusts) != 2 || len(policies) != 2 || !strings.Contains(trusts[0], provider) || !strings.Contains(trusts[1], provider) {
		return trust, policy, fmt.Errorf("the guide has %d trust policies and %d policies, want 2 of each", len(trusts), len(policies))
	}
	return [2]string(trusts), [2]string(policies), nil
}
