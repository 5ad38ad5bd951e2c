package credentials

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// setup is Options with all defaults filled in.
type setup struct {
	Options
	roleFrom        string // where Role was found
	region          string // of STS
	stsEndpoint     string
	services, local *http.Client // for what is on the network; for metadata services, on this machine
}

// finding is what was found of one provider.
type finding struct {
	applies bool
	fail    bool   // it is meant, and cannot be used: an error rather than the next provider
	why     string // it applies, or not
	advice  string // where it does not
	present string // what is there of it, used or not: "static keys in AWS_ACCESS_KEY_ID"; "" for nothing
	source  source
	gives   string // the role that the source's credentials have, "" where it is not known; set by providers that assume Options.Role
	role    string
	profile string
	// endpoint is what will be asked or read, for people.
	endpoint string
}

// candidates are the providers in the order in which they are tried.
var candidates = []struct {
	provider string
	find     func(*setup) finding
}{
	{GitHubOIDC, findGitHub}, {WebIdentity, findTokenFile}, {Static, findStatic}, {Container, findContainer}, {Profile, findProfile}, {IMDS, findIMDS},
}

// choose takes the provider that is set, or the first that applies.
func (s *setup) choose() (*Chosen, error) {
	if s.Provider == Anonymous {
		c := &Chosen{Provider: Anonymous, Why: "the provider is set to it"}
		for _, candidate := range candidates {
			if f := candidate.find(s); f.present != "" {
				c.Ignored = append(c.Ignored, ignored(f.present, `the provider is set to "anonymous"`))
			}
		}
		return c, nil
	}
	var provider string
	var chosen finding
	var missed, unused []string
	var advice string
	for _, candidate := range candidates {
		f := candidate.find(s)
		set := s.Provider == candidate.provider
		switch {
		case s.Provider != "" && !set:
			if f.present != "" {
				unused = append(unused, ignored(f.present, fmt.Sprintf("the provider is set to %q", s.Provider)))
			}
		case provider != "":
			if f.present != "" {
				unused = append(unused, ignored(f.present, provider+" comes first: "+chosen.why))
			}
		case f.applies:
			provider, chosen = candidate.provider, f
		case f.fail || set:
			return nil, &Error{Provider: candidate.provider, Operation: "choose", Message: f.why, Advice: f.advice}
		default:
			missed = append(missed, candidate.provider+": "+f.why)
			if f.present != "" {
				unused = append(unused, ignored(f.present, f.why))
			}
			if advice == "" {
				advice = f.advice
			}
		}
	}
	if provider == "" {
		return nil, &Error{Operation: "choose", Message: "no provider applies: " + strings.Join(missed, "; "), Advice: advice}
	}
	if err := s.chain(provider, &chosen); err != nil {
		return nil, err
	}
	if s.AllowedAccount != "" && chosen.role != "" {
		if account := accountOf(chosen.role); account != "" && account != s.AllowedAccount {
			return nil, &Error{Provider: provider, Operation: "choose",
				Message: fmt.Sprintf("role %s is of account %s, and only account %s is allowed", chosen.role, account, s.AllowedAccount)}
		}
	}
	why := chosen.why
	if s.Provider != "" {
		why = "the provider is set to it; " + why
	}
	guarded := &guarded{source: chosen.source, provider: provider, account: s.AllowedAccount}
	if s.Provider == "" && provider == IMDS {
		guarded.missed, guarded.advice = missed, advice
	}
	return &Chosen{
		Provider: provider, Why: why, Ignored: unused, NotApplicable: missed, Role: chosen.role, Profile: chosen.profile,
		Endpoint: chosen.endpoint, Region: s.region,
		state: &state{setup: s, cache: newCache(guarded, provider, s.Now, s.Log)},
	}, nil
}

func ignored(what, why string) string { return what + ": not used, because " + why }

// chain makes a role that is set, and that the provider does not give by itself, be assumed with what it gives.
func (s *setup) chain(provider string, f *finding) *Error {
	if s.Role == "" || s.roleFrom != roleSetting || f.gives == s.Role {
		return nil
	}
	if e := s.checkSTS(provider); e != nil {
		return e
	}
	f.source = &assumed{setup: s, provider: provider, base: f.source, role: s.Role, session: s.SessionName, seconds: s.seconds()}
	f.why += "; with them role " + s.Role + " is assumed, which is set"
	f.role = s.Role
	return nil
}

// guarded holds what a source gives to the account that is allowed, and its failures to what else was looked for.
type guarded struct {
	source
	provider, account string
	missed            []string // why the providers before this one did not apply, where this one is the last resort
	advice            string
}

func (g *guarded) fetch(ctx context.Context) (grant, error) {
	got, err := g.source.fetch(ctx)
	var e *Error
	if errors.As(err, &e) && g.missed != nil {
		told := *e
		advice := g.advice
		if advice == "" {
			advice = e.Advice
		} else if e.Advice != "" {
			advice += "; " + e.Advice
		}
		told.Advice = strings.TrimPrefix(advice+"; no other provider applies: "+strings.Join(g.missed, "; "), "; ")
		return grant{}, &told
	}
	if err == nil {
		err = checkAccount(g.provider, g.account, got.creds.AccountID)
	}
	if err != nil {
		return grant{}, err
	}
	return got, nil
}

// checkAccount holds an account to the allowed one, where both are known.
func checkAccount(provider, allowed, account string) error {
	if allowed == "" || account == "" || allowed == account {
		return nil
	}
	return &Error{Provider: provider, Operation: "check account",
		Message: fmt.Sprintf("the credentials are of account %s, and only account %s is allowed", safe(account), allowed)}
}

func findGitHub(s *setup) finding {
	url, bearer := s.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), s.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	f := finding{role: s.Role, gives: s.Role, endpoint: s.stsEndpoint}
	missing := ""
	switch {
	case url == "":
		missing = "ACTIONS_ID_TOKEN_REQUEST_URL"
	case bearer == "":
		missing = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
	default:
		f.present = "GitHub's identity tokens"
	}
	switch {
	case missing != "" && s.Getenv("GITHUB_ACTIONS") == "true" && (s.Role != "" || s.Provider == GitHubOIDC):
		f.why = "this job may not request an identity token (" + missing + " is not set)"
		f.advice = `add "permissions: id-token: write" to the job`
		if strings.HasPrefix(s.Getenv("GITHUB_EVENT_NAME"), "pull_request") {
			f.advice += `; a pull request from a fork never gets one: set credentials to "anonymous" there`
		}
		return f
	case missing != "":
		f.why = "this is no job that may request an identity token (" + missing + " is not set)"
		return f
	case s.Role == "":
		f.why = "no role is set, in AWS_ROLE_ARN or as a setting"
		f.advice = "set the role that this job's identity token is to be exchanged for"
		f.present = "" // offered to every step of a job with that permission: nobody means us by it
		return f
	}
	if err := checkURL(url); err != nil {
		f.why, f.fail = "ACTIONS_ID_TOKEN_REQUEST_URL may not be used: "+err.Error(), true
		return f
	}
	if e := s.checkSTS(GitHubOIDC); e != nil {
		f.why, f.fail = e.Message, true
		return f
	}
	f.applies, f.why = true, "role "+s.Role+" is known ("+s.roleFrom+") and this job may request identity tokens"
	from := &issuer{setup: s, url: url, bearer: bearer, audience: s.Audience}
	f.source = &webIdentity{setup: s, provider: GitHubOIDC, role: s.Role, session: s.SessionName, token: from.token}
	return f
}

func findTokenFile(s *setup) finding {
	file := s.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE")
	f := finding{role: s.Role, gives: s.Role, endpoint: s.stsEndpoint}
	if file == "" {
		f.why = "AWS_WEB_IDENTITY_TOKEN_FILE is not set"
		return f
	}
	f.present = "the token in AWS_WEB_IDENTITY_TOKEN_FILE"
	if s.Role == "" {
		f.why = "no role is set, in AWS_ROLE_ARN or as a setting"
		return f
	}
	if e := s.checkSTS(WebIdentity); e != nil {
		f.why, f.fail = e.Message, true
		return f
	}
	f.applies, f.why = true, "AWS_WEB_IDENTITY_TOKEN_FILE is set and role "+s.Role+" is known ("+s.roleFrom+")"
	f.source = s.fromTokenFile(WebIdentity, file, s.Role, s.SessionName)
	return f
}

// fromTokenFile exchanges what is in a file at the time: whoever wrote it writes a new one before that expires.
func (s *setup) fromTokenFile(provider, file, role, session string) source {
	return &webIdentity{setup: s, provider: provider, role: role, session: session, token: func(context.Context) (string, *Error) {
		token, err := readSecret(file)
		if err != nil {
			return "", describe(provider, "read identity token", safe(file), err)
		}
		return token, nil
	}}
}

func findStatic(s *setup) finding {
	const idName, secretName = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
	id, secret, session := s.Getenv(idName), s.Getenv(secretName), s.Getenv("AWS_SESSION_TOKEN")
	f := finding{present: "static keys in " + idName}
	switch {
	case id == "" && secret == "":
		f.present, f.why = "", idName+" and "+secretName+" are not set"
		if session != "" {
			f.present = "AWS_SESSION_TOKEN"
		}
		return f
	case secret == "":
		f.why, f.fail, f.present = idName+" is set, but "+secretName+" is not", true, idName
		return f
	case id == "":
		f.why, f.fail, f.present = secretName+" is set, but "+idName+" is not", true, secretName
		return f
	}
	for _, v := range []struct{ name, value string }{{idName, id}, {secretName, secret}, {"AWS_SESSION_TOKEN", session}} {
		if strings.ContainsFunc(v.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			f.why, f.fail = v.name+" holds white space or another character that no key has", true
			f.advice = "enter the secret again, without an end of line"
			return f
		}
	}
	f.applies, f.why = true, idName+" and "+secretName+" are set"
	if session != "" {
		f.why += ", with AWS_SESSION_TOKEN: they end at a time of their own, and nothing renews them"
	}
	f.source = static{grant{creds: aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: session, Source: Static}}}
	return f
}

func findContainer(s *setup) finding {
	const relativeName, fullName = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	relative, full := s.Getenv(relativeName), s.Getenv(fullName)
	name, endpoint := fullName, full
	switch {
	case relative == "" && full == "":
		return finding{why: relativeName + " and " + fullName + " are not set"}
	case relative != "":
		name, endpoint = relativeName, ecsEndpoint+relative
	}
	f := finding{present: "the container's credentials (" + name + ")"}
	err := checkURL(endpoint, containerHosts...)
	if relative != "" && !strings.HasPrefix(relative, "/") {
		err = errors.New("it does not begin with a slash")
	}
	if err != nil {
		f.why, f.fail = name+" may not be used: "+err.Error(), true
		return f
	}
	f.applies, f.why, f.endpoint = true, name+" is set", place(endpoint)
	f.source = &container{
		setup: s, endpoint: endpoint, token: s.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
		tokenFile: s.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
	}
	return f
}

func findIMDS(s *setup) finding {
	if strings.EqualFold(s.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return finding{why: "AWS_EC2_METADATA_DISABLED is true"}
	}
	endpoint := ipv4Metadata
	if strings.EqualFold(s.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), "ipv6") {
		endpoint = ipv6Metadata
	}
	f := finding{}
	if set := s.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"); set != "" {
		endpoint, f.present = set, "the service of AWS_EC2_METADATA_SERVICE_ENDPOINT"
	}
	// Nothing secret is sent there: any host will do.
	if !strings.HasPrefix(endpoint, "http://") && !strings.HasPrefix(endpoint, "https://") || place(endpoint) == "" {
		f.why, f.fail = "AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL", true
		return f
	}
	f.applies, f.endpoint = true, place(endpoint)
	f.why = "an EC2 instance's metadata service gives credentials, if this is one; that is asked at first use"
	f.source = newMetadata(s, endpoint)
	return f
}

var (
	sessionForm = regexp.MustCompile(`[^A-Za-z0-9_+=,.@-]+`)
	roleForm    = regexp.MustCompile(`^arn:[a-z0-9-]+:iam:[a-z0-9-]*:[0-9]*:role/[!-~]{1,600}$`)
	regionForm  = regexp.MustCompile(`^[a-z0-9-]{2,40}$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
)

const roleSetting = "the role setting"

// newSetup fills in what Options leave open.
func newSetup(o Options) (*setup, error) {
	refuse := func(format string, args ...any) (*setup, error) {
		return nil, &Error{Provider: o.Provider, Operation: "choose", Message: fmt.Sprintf(format, args...)}
	}
	o = o.withDefaults()
	if !knownProvider(o.Provider) {
		o.Provider = ""
		return refuse("the provider that is set is none of %s", strings.Join(Providers, ", "))
	}
	if o.Now == nil {
		return refuse("Options.Now is not set")
	}
	s := &setup{Options: o, roleFrom: roleSetting}
	if s.Role == "" {
		s.Role, s.roleFrom = o.Getenv("AWS_ROLE_ARN"), "AWS_ROLE_ARN"
	}
	switch {
	case s.Role != "" && !roleForm.MatchString(s.Role):
		return refuse("the role of %s is no ARN of a role, such as arn:aws:iam::123456789012:role/name", s.roleFrom)
	case o.Duration != 0 && (o.Duration < 15*time.Minute || o.Duration > 12*time.Hour):
		return refuse("a session of %v is out of the range of 15m to 12h", o.Duration)
	case o.AllowedAccount != "" && !accountForm.MatchString(o.AllowedAccount):
		return refuse("the allowed account is not of 12 digits")
	}
	for _, r := range []string{o.Region, o.Getenv("AWS_REGION"), o.Getenv("AWS_DEFAULT_REGION"), "us-east-1"} {
		// Regions of other services, such as "auto" of R2, have no STS.
		if regionForm.MatchString(r) && strings.Contains(r, "-") {
			s.region = r
			break
		}
	}
	if s.stsEndpoint = o.STSEndpoint; s.stsEndpoint == "" {
		s.stsEndpoint = o.Getenv("AWS_ENDPOINT_URL_STS")
	}
	if s.stsEndpoint == "" {
		e, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), sts.EndpointParameters{Region: &s.region})
		if err != nil {
			return refuse("region %s has no known endpoint of STS", s.region)
		}
		s.stsEndpoint = e.URI.String()
	}
	if s.SessionName == "" {
		s.SessionName = o.Getenv("AWS_ROLE_SESSION_NAME")
	}
	if s.SessionName == "" {
		s.SessionName = "compile-cache"
		if run := o.Getenv("GITHUB_RUN_ID"); run != "" {
			s.SessionName += "-" + run
		}
	}
	s.SessionName = sessionForm.ReplaceAllString(s.SessionName, "-")
	s.SessionName = s.SessionName[:min(len(s.SessionName), 64)]
	if len(s.SessionName) < 2 {
		s.SessionName = "compile-cache"
	}
	var err error
	if s.services, s.local, err = newClients(o); err != nil {
		return nil, describe(o.Provider, "choose", "", err)
	}
	return s, nil
}
