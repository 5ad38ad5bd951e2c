package credentials

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/middleware"
)

// The operations are called directly and not by the providers of package stscreds: those ask for the identity token without a context, try
// again with the same one, and keep to themselves who the identity is and when the answer was given.

const (
	assumeTries   = 12 // within exchangeTime
	deniedTries   = 3  // of AccessDenied, which STS also answers while a matrix starts
	identifyTries = 3
	identifyTime  = 10 * time.Second
)

// stsClient returns a client that tries once; base signs, nil where nothing is to be signed.
func (s *setup) stsClient(base aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{
		Region: s.region, BaseEndpoint: aws.String(s.stsEndpoint), HTTPClient: s.services, Credentials: base, Retryer: aws.NopRetryer{},
	})
}

// checkSTS says why STS cannot be asked, nil where it can.
func (s *setup) checkSTS(provider string) *Error {
	if err := checkURL(s.stsEndpoint); err != nil {
		return &Error{Provider: provider, Operation: "choose", Message: "the endpoint of STS may not be used: " + err.Error()}
	}
	return nil
}

// webIdentity exchanges identity tokens for credentials of a role.
type webIdentity struct {
	*setup
	provider string
	role     string
	session  string
	token    func(ctx context.Context) (string, *Error) // a fresh one each time
}

func (w *webIdentity) fetch(ctx context.Context) (grant, error) {
	denied := 0
	g, e := w.again(ctx, assumeTries, func(ctx context.Context) (grant, bool, *Error) {
		token, e := w.token(ctx)
		if e != nil {
			return grant{}, false, e // the request of a token tries again by itself
		}
		g, e := w.exchange(ctx, token)
		if e != nil && e.Code == "AccessDenied" {
			denied++
			return grant{}, denied < deniedTries, e
		}
		return g, e != nil && e.Temporary, e
	})
	if e != nil {
		return grant{}, e
	}
	return g, nil
}

func (w *webIdentity) exchange(ctx context.Context, token string) (grant, *Error) {
	in := &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &w.role, RoleSessionName: &w.session, WebIdentityToken: &token, DurationSeconds: w.seconds(),
	}
	claims, claimsErr := ParseClaims([]byte(token))
	out, err := w.stsClient(nil).AssumeRoleWithWebIdentity(ctx, in)
	const operation = "assume role with web identity"
	if err != nil {
		e := describe(w.provider, operation, w.stsEndpoint, err, token)
		switch {
		case e.Code == "InvalidIdentityToken" && strings.Contains(strings.ToLower(e.Message), "verification key"):
			e.Temporary = true // STS could not reach the issuer
		case e.Code == "AccessDenied" && claimsErr == nil:
			e.Advice = claims.advice(w.role)
		case e.Code == "AccessDenied":
			e.Advice = "the trust policy of " + w.role + " does not accept the token of this job"
		case e.Code == "InvalidIdentityToken":
			e.Advice = "the account of " + w.role + " needs an identity provider for the token's issuer"
			if claimsErr == nil {
				e.Advice += " " + quote(claims.Issuer) + " with the audience " + quote(strings.Join(claims.Audience, ", ")) +
					"; where it has one, " + claims.advice(w.role)
			}
		case e.Code == "ExpiredTokenException":
			e.Advice = "the identity token has expired: whoever writes its file has to renew it"
		case e.Code == "ValidationError":
			e.Advice = "a duration above the role's own maximum is refused; so is a role that is not an ARN"
		}
		if claimsErr == nil {
			e.Claims = &claims
		}
		return grant{}, e
	}
	g, e := w.granted(w.provider, operation, out.Credentials, out.AssumedRoleUser, out.ResultMetadata)
	if e == nil && claimsErr == nil {
		g.claims = &claims
	}
	return g, e
}

// assumed is a role that an identity of another source assumes.
type assumed struct {
	*setup
	provider   string
	base       source
	role       string
	session    string
	externalID string
	seconds    *int32
}

func (a *assumed) fetch(ctx context.Context) (grant, error) {
	from, err := a.base.fetch(ctx)
	if err != nil {
		return grant{}, err
	}
	client := a.stsClient(staticProvider(from.creds))
	g, e := a.again(ctx, assumeTries, whileTemporary(func(ctx context.Context) (grant, *Error) {
		in := &sts.AssumeRoleInput{RoleArn: &a.role, RoleSessionName: &a.session, DurationSeconds: a.seconds}
		if a.externalID != "" {
			in.ExternalId = &a.externalID
		}
		const operation = "assume role"
		out, err := client.AssumeRole(ctx, in)
		if err != nil {
			e := describe(a.provider, operation, a.stsEndpoint, err, secretsOf(from.creds)...)
			if e.Code == "AccessDenied" {
				e.Advice = "the identity needs sts:AssumeRole on " + a.role + ", and that role's trust policy has to name the identity"
			}
			return grant{}, e
		}
		return a.granted(a.provider, operation, out.Credentials, out.AssumedRoleUser, out.ResultMetadata)
	}))
	if e != nil {
		return grant{}, e
	}
	return g, nil
}

// granted reads an answer of STS.
func (s *setup) granted(provider, operation string, c *types.Credentials, user *types.AssumedRoleUser, metadata middleware.Metadata) (grant, *Error) {
	if c == nil || aws.ToString(c.AccessKeyId) == "" || aws.ToString(c.SecretAccessKey) == "" || aws.ToString(c.SessionToken) == "" ||
		c.Expiration == nil {
		return grant{}, &Error{Provider: provider, Operation: operation, Endpoint: s.stsEndpoint,
			Message: "the answer has no complete credentials", Temporary: true}
	}
	g := grant{creds: aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
		Source: provider, CanExpire: true, Expires: *c.Expiration,
	}}
	// The end is told by the clock of STS. Ours may be wrong by more than credentials live.
	if at, ok := awsmiddleware.GetServerTime(metadata); ok {
		g.creds.Expires = s.Now().Add(c.Expiration.Sub(at))
	}
	if user != nil {
		g.arn = safe(aws.ToString(user.Arn))
		g.creds.AccountID = accountOf(g.arn)
	}
	return g, nil
}

// identify asks STS who the bearer of credentials is.
func (s *setup) identify(ctx context.Context, provider string, creds aws.Credentials) (arn, account string, e *Error) {
	ctx, cancel := s.seams.limit(ctx, identifyTime)
	defer cancel()
	client := s.stsClient(staticProvider(creds))
	g, e := s.again(ctx, identifyTries, whileTemporary(func(ctx context.Context) (grant, *Error) {
		out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			e := describe(provider, "get caller identity", s.stsEndpoint, err, secretsOf(creds)...)
			switch e.Code {
			case "InvalidClientTokenId":
				e.Advice = "AWS does not know this access key: it was deleted, or it belongs to another service, such as MinIO or R2"
			case "SignatureDoesNotMatch":
				e.Advice = "the secret access key does not belong to the access key, or was cut"
			case "ExpiredToken", "ExpiredTokenException":
				e.Advice = "the session token has expired: these keys were made for a while, and nothing renews them"
			}
			return grant{}, e
		}
		return grant{arn: safe(aws.ToString(out.Arn)), creds: aws.Credentials{AccountID: safe(aws.ToString(out.Account))}}, nil
	}))
	return g.arn, g.creds.AccountID, e
}

// seconds is how long credentials are to live; nil leaves it to STS: an hour.
func (s *setup) seconds() *int32 {
	if s.Duration == 0 {
		return nil
	}
	return aws.Int32(int32(s.Duration / time.Second))
}

func staticProvider(c aws.Credentials) aws.CredentialsProvider {
	return credentials.StaticCredentialsProvider{Value: c}
}

// secretsOf lists what of credentials may not be shown. The access key's id is in every log of AWS, and is told to people by no error
// of ours either.
func secretsOf(c aws.Credentials) []string {
	return []string{c.SecretAccessKey, c.SessionToken, c.AccessKeyID}
}

// accountOf returns the account of an ARN, "" where it has none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[4]
}
