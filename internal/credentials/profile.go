package credentials

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
)

// errNoCredentials says that a profile has settings only.
var errNoCredentials = errors.New("it has no credentials")

// findProfile looks for a profile with credentials in the shared files. The SDK's own chain is not used: it reads the process's
// environment, and runs programs.
func findProfile(s *setup) finding {
	name, named := s.Profile, s.Profile != ""
	for _, variable := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		if name == "" {
			name = s.Getenv(variable)
			named = name != ""
		}
	}
	if name == "" {
		name = "default"
	}
	configFile, credentialsFile := s.sharedFile("AWS_CONFIG_FILE", "config"), s.sharedFile("AWS_SHARED_CREDENTIALS_FILE", "credentials")
	files := safe(strings.Join(slices.DeleteFunc([]string{credentialsFile, configFile}, func(f string) bool { return f == "" }), " and "))
	shown := safe(name)
	f := finding{profile: shown, endpoint: files}
	if configFile == "" && credentialsFile == "" {
		f.why = "HOME is not set, nor AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE"
		return f
	}
	shared, err := config.LoadSharedConfigProfile(context.Background(), name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = []string{configFile}, []string{credentialsFile}
	})
	var absent config.SharedConfigProfileNotExistError
	switch {
	case errors.As(err, &absent):
		f.why = fmt.Sprintf("there is no profile %q in %s", shown, files)
		if named {
			f.fail = true // whoever names one means it
			f.advice = "AWS_PROFILE or the profile setting names it; a file that cannot be read counts as empty"
		}
		return f
	case err != nil:
		f.why, f.fail = fmt.Sprintf("profile %q in %s cannot be used: %s", shown, files, profileFault(err)), true
		return f
	}
	from, kind, err := s.profileSource(&shared)
	switch {
	case errors.Is(err, errNoCredentials):
		f.why = fmt.Sprintf("profile %q in %s has no credentials", shown, files)
		return f
	case err != nil:
		f.why, f.present = fmt.Sprintf("profile %q: %v", shown, err), fmt.Sprintf("profile %q", shown)
		f.fail = named
		return f
	}
	f.applies, f.why, f.present = true, fmt.Sprintf("profile %q has credentials (%s)", shown, kind), fmt.Sprintf("profile %q", shown)
	f.role, f.gives, f.source = shared.RoleARN, shared.RoleARN, from
	return f
}

// sharedFile returns the path of one of the shared files, "" where there is no home.
func (s *setup) sharedFile(variable, name string) string {
	if path := s.Getenv(variable); path != "" {
		return path
	}
	if home := s.home(); home != "" {
		return filepath.Join(home, ".aws", name)
	}
	return ""
}

func (s *setup) home() string {
	if runtime.GOOS == "windows" {
		return s.Getenv("USERPROFILE")
	}
	return s.Getenv("HOME")
}

// profileFault says what is wrong with a profile, of the kinds of errors that quote no line of the files.
func profileFault(err error) string {
	var role config.SharedConfigAssumeRoleError
	var needs config.CredentialRequiresARNError
	switch {
	case errors.As(err, &role), errors.As(err, &needs):
		return safe(err.Error())
	}
	return "the files cannot be read as AWS's shared files, or the profile has half of a pair of keys or two kinds of credentials"
}

// profileSource makes a source of a profile, and says of which kind. The order is the SDK's.
func (s *setup) profileSource(p *config.SharedConfig) (from source, kind string, err error) {
	switch {
	case p.Source != nil:
		from, kind, err = s.profileSource(p.Source)
		kind = "source_profile, " + kind
	case p.Credentials.HasKeys():
		from, kind = static{grant{creds: p.Credentials}}, "keys"
	case p.CredentialSource != "":
		kind = "credential_source " + safe(p.CredentialSource)
		from, err = s.credentialSource(p.CredentialSource)
	case p.WebIdentityTokenFile != "":
		if e := s.checkSTS(Profile); e != nil {
			return nil, "", errors.New(e.Message)
		}
		session := p.RoleSessionName
		if session == "" {
			session = s.SessionName
		}
		return s.fromTokenFile(Profile, p.WebIdentityTokenFile, p.RoleARN, session), "web_identity_token_file", nil
	case p.SSOAccountID != "" && (p.SSOSession != nil || p.SSOStartURL != ""):
		kind = "single sign-on"
		if from = s.sso(p); from == nil {
			err = errors.New("its single sign-on session is looked for in HOME, which is not set")
		}
	case p.LoginSession != "":
		return nil, "", errors.New("sessions of aws login are not supported; try: aws configure export-credentials")
	case p.CredentialProcess != "":
		if s.Provider != Profile {
			return nil, "", errors.New(`its credential_process would run a program, which is only done where the provider is set to "profile"`)
		}
		from, kind = &process{setup: s, command: p.CredentialProcess}, "credential_process"
	default:
		return nil, "", errNoCredentials
	}
	if err != nil || p.RoleARN == "" {
		return from, kind, err
	}
	if p.MFASerial != "" {
		return nil, "", errors.New("its role needs a code of an MFA device, and nobody can be asked here")
	}
	if e := s.checkSTS(Profile); e != nil {
		return nil, "", errors.New(e.Message)
	}
	a := &assumed{setup: s, provider: Profile, base: from, role: p.RoleARN, session: p.RoleSessionName, externalID: p.ExternalID, seconds: s.seconds()}
	if a.session == "" {
		a.session = s.SessionName
	}
	if a.seconds == nil && p.RoleDurationSeconds != nil {
		a.seconds = aws.Int32(int32(*p.RoleDurationSeconds / time.Second))
	}
	return a, kind, nil
}

// credentialSource is what a profile's role is assumed with.
func (s *setup) credentialSource(name string) (source, error) {
	find := map[string]func(*setup) finding{"Environment": findStatic, "EcsContainer": findContainer, "Ec2InstanceMetadata": findIMDS}[name]
	if find == nil {
		return nil, fmt.Errorf("its credential_source %q is unknown", safe(name))
	}
	f := find(s)
	if !f.applies {
		return nil, fmt.Errorf("its credential_source is %s, but %s", name, f.why)
	}
	return f.source, nil
}

// static is credentials that are given and never change.
type static struct{ grant }

func (s static) fetch(context.Context) (grant, error) { return s.grant, nil }

// provided is a provider of the SDK.
type provided struct {
	aws.CredentialsProvider
	operation, endpoint, advice string
}

func (p *provided) fetch(ctx context.Context) (grant, error) {
	creds, err := p.Retrieve(ctx)
	if err != nil {
		e := describe(Profile, p.operation, p.endpoint, err)
		e.Advice = p.advice
		return grant{}, e
	}
	return grant{creds: creds}, nil
}

// sso returns the source of a profile of IAM Identity Center: the session that "aws sso login" left in the home. nil: there is no home.
func (s *setup) sso(p *config.SharedConfig) source {
	if s.home() == "" {
		return nil
	}
	region, key := p.SSORegion, p.SSOStartURL
	if p.SSOSession != nil {
		region, key = p.SSOSession.SSORegion, p.SSOSession.Name
	}
	sum := sha1.Sum([]byte(key)) // how AWS's tools name the file
	file := filepath.Join(s.home(), ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
	client := sso.New(sso.Options{Region: region, HTTPClient: s.services, Retryer: aws.NopRetryer{}})
	from := ssocreds.New(client, p.SSOAccountID, p.SSORoleName, p.SSOStartURL, func(o *ssocreds.Options) {
		o.CachedTokenFilepath = file
		if p.SSOSession != nil {
			renewal := ssooidc.New(ssooidc.Options{Region: region, HTTPClient: s.services, Retryer: aws.NopRetryer{}})
			o.SSOTokenProvider = ssocreds.NewSSOTokenProvider(renewal, file)
		}
	})
	return &provided{from, "get single sign-on credentials", file, "log in again: aws sso login --profile " + safe(p.Profile)}
}

// process is a program that prints credentials. What it says to stderr is dropped: it may hold a secret.
type process struct {
	*setup
	command string
}

func (p *process) fetch(ctx context.Context) (grant, error) {
	from := processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, "sh", "-c", p.command)
		if runtime.GOOS == "windows" {
			cmd = exec.CommandContext(ctx, "cmd.exe", "/C", p.command)
		}
		cmd.WaitDelay = time.Second
		return cmd, nil
	}))
	creds, err := from.Retrieve(ctx)
	if err != nil {
		// Neither the command nor what it printed is quoted: both may hold a secret.
		e := &Error{Provider: Profile, Operation: "run credential_process", Message: "the program failed, or printed no credentials"}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			e.Message = "the program failed: " + exit.ProcessState.String()
		}
		e.Advice = "run the command of credential_process by hand"
		return grant{}, e
	}
	return grant{creds: creds}, nil
}
