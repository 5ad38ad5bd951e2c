package realm

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Region is the only region of the realm.
const Region = "us-east-1"

// Gateway is a versitygw that keeps buckets as directories.
type Gateway struct {
	Root           string // its directory: Root/BUCKET/KEY
	Access, Secret string // of its owner, who may do everything

	socket string
	p      *process
}

// StartGateway starts versitygw with its files under dir. With an IAM it knows that one's roles; else only its owner.
func StartGateway(program, dir string, iam *IAM) (*Gateway, error) {
	g := &Gateway{Root: filepath.Join(dir, "buckets"), Access: "OWNERACCESSKEY", Secret: Secret("owner"), socket: filepath.Join(dir, "s3.sock")}
	sidecar := filepath.Join(dir, "sidecar") // not every file system has extended attributes
	for _, d := range []string{g.Root, sidecar} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	args := []string{"--quiet", "--port", g.socket, "--region", Region, "--health", "/healthz"}
	if iam != nil {
		g.Access, g.Secret = iam.Access, iam.Secret
		args = append(args, "--iam-standalone-endpoint", iam.private)
	}
	args = append(args, "--access", g.Access, "--secret", g.Secret, "posix", "--sidecar", sidecar, g.Root)
	var err error
	g.p, err = start(exec.Command(program, args...), healthy(g.socket))
	if err != nil {
		return nil, err
	}
	return g, nil
}

// Close ends it.
func (g *Gateway) Close() { g.p.stop() }

// Dial connects to it.
func (g *Gateway) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", g.socket)
}

// Owner returns a client with all rights.
func (g *Gateway) Owner() *s3.Client {
	return S3(credentials.NewStaticCredentialsProvider(g.Access, g.Secret, ""), "http://gateway.test", g.Dial, nil)
}

// CreateBucket makes a bucket and returns its directory.
func (g *Gateway) CreateBucket(ctx context.Context, name string) (string, error) {
	_, err := g.Owner().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	return filepath.Join(g.Root, name), err
}

// S3 returns a client for checking, which does not retry. dial makes all its connections.
func S3(provider aws.CredentialsProvider, endpoint string, dial func(context.Context) (net.Conn, error), ca *Authority) *s3.Client {
	return s3.New(s3.Options{
		Region: Region, BaseEndpoint: &endpoint, UsePathStyle: true, Credentials: provider,
		HTTPClient: httpClient(dial, ca), RetryMaxAttempts: 1,
	})
}

func httpClient(dial func(context.Context) (net.Conn, error), ca *Authority) *http.Client {
	transport := &http.Transport{IdleConnTimeout: 10 * time.Second}
	if ca != nil {
		transport.TLSClientConfig = ca.Client()
	}
	if dial != nil {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	}
	return &http.Client{Transport: transport}
}

// healthy asks a server of versitygw's how it is.
func healthy(socket string) func() error {
	client := httpClient(func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", socket) }, nil)
	return func() error {
		resp, err := client.Get("http://health.test/healthz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %s", resp.Status)
		}
		return nil
	}
}
