package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// BucketKind is what kind of place a bucket is.
type BucketKind string

// Kinds of buckets.
const (
	NoBucket  BucketKind = ""
	S3        BucketKind = "s3"        // S3, or a service that speaks like it
	Directory BucketKind = "directory" // of a file system, perhaps a shared one
)

// FromURL is the source of what the URL of a bucket itself says. What it leaves open may come from a variable that other tools
// read too; then the source is that variable's name.
const FromURL Source = "url"

// Bucket is the value of COMPILE_CACHE_BUCKET or COMPILE_CACHE_EDGE: a place that machines share. It holds no secret.
//
//	s3://BUCKET/PREFIX?region=&endpoint=&path-style=&ca=&sse=&kms-key=&request-payer=&checksum=&credentials=&role=&pr-role=
//	    &profile=&audience=&sts-endpoint=&account=&repo=&read=
//	file:///DIRECTORY?repo=&read=
//
// Only S3 has the fields between Name and Account.
type Bucket struct {
	Kind BucketKind `json:"kind,omitempty"`
	Dir  string     `json:"dir,omitempty"` // of a Directory: an absolute path

	Name   string `json:"name,omitempty"`
	Prefix string `json:"prefix,omitempty"` // without "/" at its ends; may be empty

	Region        Setting[string] `json:"region,omitzero"`
	Endpoint      Setting[string] `json:"endpoint,omitzero"`      // scheme, host and port; empty: that of AWS
	PathStyle     *bool           `json:"path_style,omitempty"`   // nil: as the endpoint needs it
	CA            Setting[string] `json:"ca,omitzero"`            // path of a PEM file
	SSE           string          `json:"sse,omitempty"`          // AES256, aws:kms, aws:kms:dsse
	KMSKey        string          `json:"kms_key,omitempty"`      // implies an SSE of aws:kms
	RequesterPays bool            `json:"request_payer,omitzero"` // the requests are on our bill
	Checksum      string          `json:"checksum,omitempty"`     // when_supported, when_required

	Credentials string          `json:"credentials,omitempty"` // the provider; empty: the first that applies
	Role        string          `json:"role,omitempty"`        // ARN
	PRRole      string          `json:"pr_role,omitempty"`     // ARN; of jobs whose trust class is pr. Empty: Role
	Profile     string          `json:"profile,omitempty"`     // of AWS's shared files
	Audience    string          `json:"audience,omitempty"`
	STSEndpoint Setting[string] `json:"sts_endpoint,omitzero"`
	Account     string          `json:"account,omitempty"` // the only one that credentials may be of: 12 digits

	Repository string         `json:"repo,omitempty"` // whose results these are; empty: the job's own repository
	Read       []TrustedScope `json:"read,omitempty"` // of other repositories, read after one's own
}

// TrustedScope is what trusted jobs of a branch wrote.
type TrustedScope struct {
	Repository string `json:"repo"`
	Branch     string `json:"branch"` // as Git names it, "release/1.0"
}

// String returns a URL that means this bucket, as far as the URL said so, with all its parameters in one order.
func (b Bucket) String() string {
	var text strings.Builder
	switch b.Kind {
	case NoBucket:
		return "off"
	case Directory:
		text.WriteString((&url.URL{Scheme: "file", Path: filepath.ToSlash(b.Dir)}).String())
	default:
		text.WriteString("s3://" + b.Name)
		if b.Prefix != "" {
			text.WriteString("/" + b.Prefix)
		}
	}
	separator := "?"
	for _, p := range parameters {
		for _, v := range p.get(&b) {
			text.WriteString(separator + p.name + "=" + escape(v))
			separator = "&"
		}
	}
	return text.String()
}

// Equal reports whether two settings mean the same place, reached in the same way.
func (b Bucket) Equal(other Bucket) bool {
	sources := func(b Bucket) [4]Setting[string] {
		return [4]Setting[string]{b.Region, b.Endpoint, b.CA, b.STSEndpoint}
	}
	return b.Kind == other.Kind && b.String() == other.String() && sources(b) == sources(other)
}

// ParseBucket reads the value of COMPILE_CACHE_BUCKET or COMPILE_CACHE_EDGE. The warnings are about what it leaves out of account;
// an error means that there is no bucket. Neither has a secret in it.
func ParseBucket(text string, getenv func(string) string) (b Bucket, warnings []string, err error) {
	text = strings.TrimSpace(text)
	switch strings.ToLower(text) {
	case "", "off", "0", "no", "false", "none":
		return Bucket{}, nil, nil
	case "github":
		return Bucket{}, nil, fmt.Errorf("this version cannot use GitHub's cache yet")
	}
	address, query, _ := strings.Cut(text, "?")
	switch scheme, _, _ := strings.Cut(address, ":"); strings.ToLower(scheme) {
	case "s3":
		b, err = parseS3(address)
	case "file":
		b, err = parseDirectory(address)
	default:
		return Bucket{}, nil, fmt.Errorf("want s3://bucket/prefix?region=..., file:///directory or off")
	}
	if err != nil {
		return Bucket{}, nil, err
	}
	if warnings, err = b.parseQuery(query); err != nil {
		return Bucket{}, warnings, err
	}
	if b.Kind == S3 {
		if err := b.complete(getenv); err != nil {
			return Bucket{}, warnings, err
		}
	}
	return b, warnings, nil
}

func parseS3(address string) (Bucket, error) {
	u, err := url.Parse(address)
	switch {
	case strings.Contains(address, "@"):
		return Bucket{}, fmt.Errorf("it holds credentials, which do not belong into it: they come from the environment, a role or a profile")
	case err != nil || u.Opaque != "":
		return Bucket{}, fmt.Errorf("want s3://bucket/prefix")
	case u.Fragment != "" || strings.Contains(address, "#"):
		return Bucket{}, fmt.Errorf("want no # in it")
	case u.Port() != "" || strings.Contains(u.Host, ":"):
		return Bucket{}, fmt.Errorf("want the bucket's name after s3://; a host and a port belong into endpoint=")
	case u.Host == "":
		return Bucket{}, fmt.Errorf("it names no bucket: want s3://bucket/prefix")
	case !safe(u.Host, 255) || len(u.Host) < 3 || strings.Trim(u.Host, "-._=") != u.Host || strings.Contains(u.Host, "="):
		return Bucket{}, fmt.Errorf("want a bucket's name of 3 or more letters, digits and, between them, -._")
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		for segment := range strings.SplitSeq(prefix, "/") {
			if !safe(segment, 255) {
				return Bucket{}, fmt.Errorf("want a prefix of letters, digits and -._= between single slashes")
			}
		}
	}
	return Bucket{Kind: S3, Name: u.Host, Prefix: prefix}, nil
}

func parseDirectory(address string) (Bucket, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || strings.Contains(address, "#"):
		return Bucket{}, fmt.Errorf("want file:///directory, with %%25, %%23 and %%3F for the characters %%, # and ?")
	case u.User != nil || u.Host != "" && u.Host != "localhost" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/"):
		return Bucket{}, fmt.Errorf("want an absolute path after three slashes: file:///directory")
	case strings.ContainsRune(u.Path, 0) || filepath.Clean(u.Path) == "/":
		return Bucket{}, fmt.Errorf("it names no directory of its own")
	}
	return Bucket{Kind: Directory, Dir: filepath.Clean(u.Path)}, nil
}

// parameter is one of a bucket's URL.
type parameter struct {
	name      string
	directory bool // a Directory has it too
	repeated  bool
	set       func(b *Bucket, value string) error
	get       func(b *Bucket) []string // what the URL said
}

// parseQuery reads the parameters. "+" is itself in them, as it is in paths and roles.
func (b *Bucket) parseQuery(query string) (warnings []string, err error) {
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.PathUnescape(name)
		value, valueErr := url.PathUnescape(value)
		switch {
		case nameErr != nil || !safe(name, 40):
			// It is not quoted: it may be the end of a password with a "?" in it.
			return warnings, fmt.Errorf("want name=value after ? and &")
		case valueErr != nil || strings.ContainsFunc(value, control):
			return warnings, fmt.Errorf("parameter %s: want %%XX for special characters", name)
		}
		at := slices.IndexFunc(parameters, func(p parameter) bool { return p.name == name })
		switch {
		case at < 0:
			warnings = append(warnings, fmt.Sprintf("there is no parameter %q; it is ignored%s", name, b.nearest(name)))
			continue
		case b.Kind == Directory && !parameters[at].directory:
			warnings = append(warnings, fmt.Sprintf("a directory has no parameter %q; it is ignored", name))
			continue
		case seen[name] && !parameters[at].repeated:
			return warnings, fmt.Errorf("parameter %s is there twice", name)
		}
		seen[name] = true
		if value == "" {
			continue
		}
		if err := parameters[at].set(b, value); err != nil {
			return warnings, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	if b.KMSKey != "" {
		switch b.SSE {
		case "":
			b.SSE = "aws:kms"
		case "AES256":
			return warnings, fmt.Errorf("parameter kms-key: sse=AES256 uses no key of yours")
		}
	}
	return warnings, nil
}

// nearest returns advice that names the known parameter most like an unknown one.
func (b *Bucket) nearest(name string) string {
	best, least := "", 4
	for _, p := range parameters {
		if b.Kind == Directory && !p.directory {
			continue
		}
		if d := distance(strings.ReplaceAll(strings.ToLower(name), "_", "-"), p.name); d < least {
			best, least = p.name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; do you mean " + best + "?"
}

// distance is the number of letters to insert, delete or replace until a is b.
func distance(a, b string) int {
	a = a[:min(len(a), 40)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// complete takes what the URL leaves open from the variables that AWS's tools read.
func (b *Bucket) complete(getenv func(string) string) error {
	first := func(to *Setting[string], check func(string) error, names ...string) error {
		if to.Source != "" {
			return nil
		}
		for _, name := range names {
			v := strings.TrimSpace(getenv(name))
			if v == "" {
				continue
			}
			if err := check(v); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			*to = Setting[string]{v, Source(name)}
			return nil
		}
		return nil
	}
	endpoints, stsEndpoints := []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}, []string{"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"}
	if strings.EqualFold(getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		endpoints, stsEndpoints = nil, nil
	}
	for _, err := range []error{
		first(&b.Region, checkRegion, "AWS_REGION", "AWS_DEFAULT_REGION"),
		first(&b.Endpoint, checkEndpoint, endpoints...),
		first(&b.STSEndpoint, checkEndpoint, stsEndpoints...),
		first(&b.CA, checkFile, "AWS_CA_BUNDLE"),
	} {
		if err != nil {
			return err
		}
	}
	b.Endpoint.Value, b.STSEndpoint.Value = strings.TrimRight(b.Endpoint.Value, "/"), strings.TrimRight(b.STSEndpoint.Value, "/")
	return nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// safe reports whether text may be one segment of an object's name.
func safe(text string, most int) bool {
	if len(text) > most || strings.Trim(text, ".") == "" {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._=", r))
	})
}

// escape returns text as the value of a parameter.
func escape(text string) string {
	var out strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/:@+=,", c) >= 0:
			out.WriteByte(c)
		default:
			out.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(c)+0x100, 16)[1:]))
		}
	}
	return out.String()
}

// withoutSecrets returns as much of a value as may be shown: nothing of what may be a name and a password, and no parameter.
func withoutSecrets(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		scheme, _, ok := strings.Cut(text[:at], "://")
		if ok && safe(scheme, 10) {
			scheme += "://"
		} else {
			scheme = ""
		}
		text = scheme + "..." + text[at:]
	}
	text, _, _ = strings.Cut(text, "?")
	text, _, _ = strings.Cut(text, "#")
	if len(text) > 200 {
		text = text[:200] + "..."
	}
	return text
}
