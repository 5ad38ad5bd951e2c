package realm

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// IAM is a versitygw that keeps users, roles and sessions for a Gateway, and answers STS.
type IAM struct {
	Access, Secret string // of the owner of everything

	socket  string // IAM's and STS's API
	private string // where the Gateway asks
	p       *process
}

// StartIAM starts it with its files under dir. It fetches the issuer's keys, so it runs where the issuer is: inside makes the
// arguments that run a command there.
func StartIAM(program, dir string, inside func(dir string, argv ...string) []string) (*IAM, error) {
	i := &IAM{
		Access: "OWNERACCESSKEY", Secret: Secret("owner"),
		socket: filepath.Join(dir, "iam.sock"), private: filepath.Join(dir, "private.sock"),
	}
	users := filepath.Join(dir, "iam")
	if err := os.MkdirAll(users, 0o700); err != nil {
		return nil, err
	}
	argv := inside("/", program, "--quiet", "--port", i.socket, "--region", Region, "--health", "/healthz",
		"--access", i.Access, "--secret", i.Secret, "iam", "--dir", users, "--private-ports", i.private)
	var err error
	i.p, err = start(exec.Command(argv[0], argv[1:]...), healthy(i.socket))
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Close ends it.
func (i *IAM) Close() { i.p.stop() }

// Dial connects to its API.
func (i *IAM) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", i.socket)
}

func (i *IAM) client() *iam.Client {
	endpoint := "http://iam.test"
	return iam.New(iam.Options{
		Region: Region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(i.Access, i.Secret, ""),
		HTTPClient: httpClient(i.Dial, nil), RetryMaxAttempts: 1,
	})
}

// Trust makes GitHub's issuer, known by its authority, a provider of identities, and returns the provider's ARN.
func (i *IAM) Trust(ctx context.Context, issuer *Authority) (string, error) {
	at := "https://" + IssuerHost
	out, err := i.client().CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: &at, ClientIDList: []string{Audience}, ThumbprintList: []string{issuer.Thumbprint()},
	})
	if err != nil {
		return "", err
	}
	return *out.OpenIDConnectProviderArn, nil
}

// CreateRole makes a role with a trust policy and what it may do, and returns its ARN.
func (i *IAM) CreateRole(ctx context.Context, name, trust, policy string) (string, error) {
	c := i.client()
	out, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		return "", fmt.Errorf("create role %s: %w", name, err)
	}
	inline := "bucket"
	_, err = c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &inline, PolicyDocument: &policy})
	if err != nil {
		return "", fmt.Errorf("policy of role %s: %w", name, err)
	}
	return *out.Role.Arn, nil
}

// HTTP returns a client that connects to its API whatever the URL says.
func (i *IAM) HTTP() *http.Client { return httpClient(i.Dial, nil) }
