package credentials

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

// The addresses at which ECS and EKS offer credentials over plain HTTP. They are links of the machine itself.
const (
	ecsEndpoint = "http://169.254.170.2"
	// containerTime bounds a question. EKS's agent asks a service of the region for the answer.
	containerTime = 5 * time.Second
)

var containerHosts = []netip.Addr{
	netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("169.254.170.23"), netip.MustParseAddr("fd00:ec2::23"),
}

// container is the credentials endpoint of ECS and of EKS pod identity.
type container struct {
	*setup
	endpoint  string
	token     string // AWS_CONTAINER_AUTHORIZATION_TOKEN
	tokenFile string // AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, read each time; it wins

	mu    sync.Mutex // guards what follows, and is held while asking
	alive bool       // it has answered
	dead  *Error     // it has not, when first asked, and is not asked again
}

func (c *container) fetch(ctx context.Context) (grant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead != nil {
		return grant{}, c.dead
	}
	limited, cancel := c.seams.limit(ctx, containerTime)
	defer cancel()
	g, e := c.again(limited, localTries, whileTemporary(c.ask))
	switch {
	case e == nil:
		c.alive = true
		return g, nil
	case e.Status == 0 && e.Temporary && !c.alive && ctx.Err() == nil:
		e.Temporary = false
		e.Advice = "the container's credentials endpoint does not answer; it is not asked again by this process"
		c.dead = e
	}
	return grant{}, e
}

func (c *container) ask(ctx context.Context) (grant, *Error) {
	const operation = "get container credentials"
	at := place(c.endpoint)
	token := c.token
	if c.tokenFile != "" {
		var err error
		if token, err = readSecret(c.tokenFile); err != nil {
			return grant{}, describe(Container, "read authorization token", c.tokenFile, err)
		}
	}
	if strings.ContainsAny(token, "\r\n") {
		return grant{}, &Error{Provider: Container, Operation: operation, Endpoint: at, Message: "the authorization token has more than one line"}
	}
	provider := endpointcreds.New(c.endpoint, func(o *endpointcreds.Options) {
		o.HTTPClient, o.Retryer, o.AuthorizationToken = c.local, aws.NopRetryer{}, token
	})
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		e := describe(Container, operation, at, err, token)
		if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
			e.Advice = "the endpoint refuses the authorization token of this process, or the pod has no role associated"
		}
		return grant{}, e
	}
	if creds.AccessKeyID == "" || creds.SecretAccessKey == "" {
		return grant{}, &Error{Provider: Container, Operation: operation, Endpoint: at, Message: "the answer has no complete credentials"}
	}
	creds.Source = Container
	return grant{creds: creds}, nil
}

// readSecret reads a token's file: one line, bounded.
func readSecret(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxAnswer+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxAnswer {
		return "", errTooLong
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", errors.New("it is empty")
	}
	return secret, nil
}
