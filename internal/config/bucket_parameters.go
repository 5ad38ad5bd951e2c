package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// parameters are all parameters of a bucket's URL, in the order in which String writes them.
var parameters = []parameter{
	sourced("region", func(b *Bucket) *Setting[string] { return &b.Region }, checkRegion),
	sourced("endpoint", func(b *Bucket) *Setting[string] { return &b.Endpoint }, checkEndpoint),
	{name: "path-style", set: func(b *Bucket, v string) error {
		on, err := truth(v)
		b.PathStyle = &on
		return err
	}, get: func(b *Bucket) []string {
		if b.PathStyle == nil {
			return nil
		}
		return []string{fmt.Sprint(*b.PathStyle)}
	}},
	sourced("ca", func(b *Bucket) *Setting[string] { return &b.CA }, checkFile),
	text("sse", func(b *Bucket) *string { return &b.SSE }, oneOf("AES256", "aws:kms", "aws:kms:dsse")),
	text("kms-key", func(b *Bucket) *string { return &b.KMSKey }, nil),
	{name: "request-payer", set: func(b *Bucket, v string) (err error) {
		if b.RequesterPays = v == "requester"; !b.RequesterPays {
			b.RequesterPays, err = truth(v)
		}
		return err
	}, get: func(b *Bucket) []string {
		if !b.RequesterPays {
			return nil
		}
		return []string{"requester"}
	}},
	text("checksum", func(b *Bucket) *string { return &b.Checksum }, oneOf("when_supported", "when_required")),
	text("credentials", func(b *Bucket) *string { return &b.Credentials },
		oneOf("static", "profile", "github-oidc", "web-identity", "container", "imds", "anonymous")),
	text("role", func(b *Bucket) *string { return &b.Role }, checkRole),
	text("pr-role", func(b *Bucket) *string { return &b.PRRole }, checkRole),
	text("profile", func(b *Bucket) *string { return &b.Profile }, nil),
	text("audience", func(b *Bucket) *string { return &b.Audience }, nil),
	sourced("sts-endpoint", func(b *Bucket) *Setting[string] { return &b.STSEndpoint }, checkEndpoint),
	text("account", func(b *Bucket) *string { return &b.Account }, checkAccount),
	inDirectoryToo(text("repo", func(b *Bucket) *string { return &b.Repository }, checkRepository)),
	{name: "read", directory: true, repeated: true, set: func(b *Bucket, v string) error {
		repository, rest, _ := strings.Cut(v, "/")
		class, branch, _ := strings.Cut(rest, "/")
		if checkRepository(repository) != nil || class != "trusted" || branch == "" || len(branch) > 255 {
			return fmt.Errorf("want <repository's id>/trusted/<branch>")
		}
		scope := TrustedScope{repository, branch}
		if len(b.Read) == 8 {
			return fmt.Errorf("want 8 at most")
		}
		if !slices.Contains(b.Read, scope) {
			b.Read = append(b.Read, scope)
		}
		return nil
	}, get: func(b *Bucket) (all []string) {
		for _, s := range b.Read {
			all = append(all, s.Repository+"/trusted/"+s.Branch)
		}
		return all
	}},
}

// text is a parameter whose value is kept as it is.
func text(name string, field func(*Bucket) *string, check func(string) error) parameter {
	return parameter{name: name, set: func(b *Bucket, v string) error {
		if check != nil {
			if err := check(v); err != nil {
				return err
			}
		}
		if len(v) > 1024 {
			return fmt.Errorf("want 1024 bytes at most")
		}
		*field(b) = v
		return nil
	}, get: func(b *Bucket) []string { return known(*field(b)) }}
}

// sourced is a parameter that an environment variable may stand in for.
func sourced(name string, field func(*Bucket) *Setting[string], check func(string) error) parameter {
	return parameter{name: name, set: func(b *Bucket, v string) error {
		*field(b) = Setting[string]{v, FromURL}
		return check(v)
	}, get: func(b *Bucket) []string {
		if field(b).Source != FromURL {
			return nil
		}
		return known(field(b).Value)
	}}
}

func inDirectoryToo(p parameter) parameter {
	p.directory = true
	return p
}

func known(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

func truth(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "1", "true", "yes":
		return true, nil
	case "0", "false", "no":
		return false, nil
	}
	return false, fmt.Errorf("want true or false")
}

func oneOf(values ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("want one of %s", strings.Join(values, ", "))
		}
		return nil
	}
}

func checkRegion(v string) error {
	if !safe(v, 64) {
		return fmt.Errorf("want a region such as eu-central-1")
	}
	return nil
}

// checkEndpoint refuses a path: requests are signed for the paths of S3, so one that lies below another path answers nothing but
// refusals, which look like those of wrong credentials.
func checkEndpoint(v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("want https://host, perhaps with a port")
	case u.User != nil:
		return fmt.Errorf("want no credentials in it")
	case strings.Trim(u.Path, "/") != "" || strings.ContainsAny(v, "?#"):
		return fmt.Errorf("want no path and no query after the host")
	}
	return nil
}

func checkFile(v string) error {
	if !filepath.IsAbs(v) || strings.ContainsFunc(v, control) {
		return fmt.Errorf("want the absolute path of a file")
	}
	return nil
}

// checkRole is lenient: not only AWS has roles.
func checkRole(v string) error {
	if !strings.HasPrefix(v, "arn:") || !strings.Contains(v, ":role/") || strings.ContainsAny(v, " \"'") {
		return fmt.Errorf("want the ARN of a role: arn:aws:iam::123456789012:role/name")
	}
	return nil
}

func checkAccount(v string) error {
	if len(v) != 12 || strings.Trim(v, "0123456789") != "" {
		return fmt.Errorf("want the 12 digits of an AWS account")
	}
	return nil
}

func checkRepository(v string) error {
	if !safe(v, 100) || strings.Contains(v, "=") {
		return fmt.Errorf("want a repository's id, or a name of letters, digits and -._")
	}
	return nil
}
