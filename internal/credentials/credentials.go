package credentials

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The providers.
const (
	Static      = "static"       // keys in variables
	Profile     = "profile"      // AWS's shared files
	GitHubOIDC  = "github-oidc"  // an identity token of the job, exchanged for a role
	WebIdentity = "web-identity" // an identity token in a file, exchanged for a role
	Container   = "container"    // ECS, EKS pod identity
	IMDS        = "imds"         // the role of an EC2 instance
	Anonymous   = "anonymous"    // none: requests are not signed
)

// Providers lists all of them.
var Providers = []string{Static, Profile, GitHubOIDC, WebIdentity, Container, IMDS, Anonymous}

func knownProvider(name string) bool { return name == "" || slices.Contains(Providers, name) }

// Options say what to choose from.
type Options struct {
	Provider string              // one of Providers, or "": the first that applies
	Getenv   func(string) string // the environment, with the secrets that came by pipe; nil: an empty one

	Role        string // ARN of the role to be in the end; "": of AWS_ROLE_ARN, for github-oidc and web-identity
	Audience    string // of GitHub's tokens; "": sts.amazonaws.com
	STSEndpoint string // URL; "": AWS_ENDPOINT_URL_STS, or the region's
	Region      string // "": AWS_REGION, AWS_DEFAULT_REGION, us-east-1
	Profile     string // "": AWS_PROFILE, "default"

	SessionName    string        // of assumed roles; "": AWS_ROLE_SESSION_NAME, or compile-cache and the run's id
	Duration       time.Duration // of assumed roles, 15 m to 12 h; 0: what the services give, an hour
	AllowedAccount string        // 12 digits: credentials of another account are an error, as far as the account is known

	HTTPClient *http.Client // for STS, GitHub and single sign-on; nil: one that heeds the proxy variables and CABundle. Never for metadata services
	CABundle   []byte       // certificates in PEM, beside the system's; nil: the file of AWS_CA_BUNDLE
	Now        func() time.Time
	Log        *slog.Logger // nil: none

	seams seams
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Audience == "" {
		o.Audience = defaultAudience
	}
	if o.seams.backoff == nil {
		o.seams.backoff = backoff
	}
	if o.seams.limit == nil {
		o.seams.limit = context.WithTimeout
	}
	return o
}

// String tells what is set, and nothing of the environment.
func (o Options) String() string {
	return fmt.Sprintf("credentials.Options{Provider: %q, Role: %q, Region: %q, Profile: %q}", o.Provider, safe(o.Role), safe(o.Region), safe(o.Profile))
}

// GoString is String.
func (o Options) GoString() string { return o.String() }

// LogValue is String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// Chosen is a provider of credentials. All methods may be called from many goroutines. Where several tiers have the same
// credentials they should share one: what a provider has learned, such as a metadata service that does not answer, is kept in it.
type Chosen struct {
	Provider      string
	Why           string   // this provider
	Ignored       []string // what is there and is not used, each with the reason
	NotApplicable []string // the providers that would have come first, each with the reason why it did not apply
	Role          string   // ARN of the role that is assumed, "" where none is
	Profile       string   // for provider profile
	Region        string   // of STS
	Endpoint      string   // that is asked for credentials, or the files that are read

	state *state
}

// state is behind a pointer, so that fmt shows none of it.
type state struct {
	*setup
	cache *cache
}

// Identity is who the bearer of credentials is.
type Identity struct {
	Provider string
	Account  string    // "" where it is not known
	ARN      string    // "" where it is not known
	Unknown  string    // why Account and ARN are not known; services other than AWS need not have an STS
	Expires  time.Time // zero where they do not, or it is not known
	Claims   *Claims   // of the identity token that was exchanged, not verified; nil where there was none
}

// Choose chooses a provider. It reads files and asks nothing of the network. Its error is an *Error.
func Choose(o Options) (*Chosen, error) {
	s, err := newSetup(o)
	if err != nil {
		return nil, err
	}
	return s.choose()
}

// AWS returns the credentials for clients of the SDK, which keep and renew themselves: they need no cache around them.
// It returns nil for anonymous. The errors of Retrieve are *Error.
func (c *Chosen) AWS() aws.CredentialsProvider {
	if c.state == nil {
		return nil
	}
	return renewing{c.state.cache}
}

// Invalidate tells that a service found credentials of this access key expired or revoked: the next Retrieve asks for others.
func (c *Chosen) Invalidate(accessKeyID string) {
	if c.state != nil {
		c.state.cache.forget(accessKeyID)
	}
}

// Expires returns until when the credentials in memory are good: zero where there are none, or they do not expire.
func (c *Chosen) Expires() time.Time {
	if c.state == nil {
		return time.Time{}
	}
	return c.state.cache.expires()
}

// Check gets new credentials now, and asks STS who they are of where the exchange did not tell.
func (c *Chosen) Check(ctx context.Context) (Identity, error) {
	id := Identity{Provider: c.Provider}
	if c.state == nil {
		return id, nil
	}
	g, err := c.state.cache.renew(ctx)
	if err != nil {
		return id, err
	}
	id.Account, id.ARN, id.Claims = g.creds.AccountID, g.arn, g.claims
	if g.creds.CanExpire {
		id.Expires = g.creds.Expires
	}
	if id.ARN != "" {
		return id, nil
	}
	if e := c.state.checkSTS(c.Provider); e != nil {
		err = e
	} else if arn, account, e := c.state.identify(ctx, c.Provider, g.creds); e != nil {
		err = e
	} else {
		id.ARN, id.Account = arn, account
		return id, checkAccount(c.Provider, c.state.AllowedAccount, account)
	}
	id.Unknown = err.Error()
	if c.state.AllowedAccount != "" && id.Account == "" {
		return id, err // nothing else can tell whether the account is the allowed one
	}
	return id, nil
}

// Close ends a renewal that runs and forgets the credentials. Afterwards there are none.
func (c *Chosen) Close() {
	if c.state != nil {
		c.state.cache.close()
		c.state.services.CloseIdleConnections()
		c.state.local.CloseIdleConnections()
	}
}

// String tells what was chosen and why.
func (c *Chosen) String() string {
	if c == nil {
		return "credentials: none"
	}
	return "credentials " + c.Provider + ": " + c.Why
}

// GoString is String.
func (c *Chosen) GoString() string { return c.String() }

// LogValue is what was chosen, as attributes.
func (c *Chosen) LogValue() slog.Value {
	return slog.GroupValue(slog.String("provider", c.Provider), slog.String("why", c.Why), slog.String("role", c.Role), slog.Any("ignored", c.Ignored))
}

// renewing is the cache as the SDK wants it.
type renewing struct{ cache *cache }

// Retrieve returns credentials that are good, of memory if possible.
func (r renewing) Retrieve(ctx context.Context) (aws.Credentials, error) {
	g, err := r.cache.get(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return g.creds, nil
}

// Invalidate tells that a service found credentials of this access key expired or revoked: the next Retrieve asks for others.
func (r renewing) Invalidate(accessKeyID string) { r.cache.forget(accessKeyID) }

// String names the type.
func (r renewing) String() string { return "credentials " + r.cache.provider }

// GoString is String.
func (r renewing) GoString() string { return r.String() }
