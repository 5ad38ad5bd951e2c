package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func none(string) string { return "" }

func TestParseBucket(t *testing.T) {
	yes, no := true, false
	fromURL := func(v string) Setting[string] { return Setting[string]{v, FromURL} }
	for _, tt := range []struct {
		text string
		env  map[string]string
		want Bucket
	}{
		{"off", nil, Bucket{}},
		{" OFF ", nil, Bucket{}},
		{"s3://ci-cache", nil, Bucket{Kind: S3, Name: "ci-cache"}},
		{"S3://Ci_Cache/a/b/?", nil, Bucket{Kind: S3, Name: "Ci_Cache", Prefix: "a/b"}},
		{"s3://acme/p?region=eu-central-1&endpoint=https://s3.example.com:9000/&path-style=false&ca=/etc/ca+1.pem", nil,
			Bucket{Kind: S3, Name: "acme", Prefix: "p", Region: fromURL("eu-central-1"), Endpoint: fromURL("https://s3.example.com:9000"), PathStyle: &no, CA: fromURL("/etc/ca+1.pem")}},
		{"s3://acme?path-style=1&sse=AES256&request-payer=requester&checksum=when_required&credentials=imds&profile=ci&audience=a&account=123456789012", nil,
			Bucket{Kind: S3, Name: "acme", PathStyle: &yes, SSE: "AES256", RequesterPays: true, Checksum: "when_required", Credentials: "imds", Profile: "ci", Audience: "a", Account: "123456789012"}},
		{"s3://acme?kms-key=arn:aws:kms:eu-central-1:1:key/x&role=arn:aws:iam::123456789012:role/ci+x@y&pr-role=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fpr&sts-endpoint=http://127.0.0.1:7777", nil,
			Bucket{Kind: S3, Name: "acme", SSE: "aws:kms", KMSKey: "arn:aws:kms:eu-central-1:1:key/x", Role: "arn:aws:iam::123456789012:role/ci+x@y", PRRole: "arn:aws:iam::1:role/pr", STSEndpoint: fromURL("http://127.0.0.1:7777")}},
		{"s3://acme?repo=4711&read=1/trusted/main&read=2/trusted/release/1.0&read=1/trusted/main&region=", nil,
			Bucket{Kind: S3, Name: "acme", Repository: "4711", Read: []TrustedScope{{"1", "main"}, {"2", "release/1.0"}}}},
		{"s3://acme", map[string]string{"AWS_DEFAULT_REGION": "r2", "AWS_ENDPOINT_URL": "http://minio:9000", "AWS_CA_BUNDLE": "/ca.pem"},
			Bucket{Kind: S3, Name: "acme", Region: Setting[string]{"r2", "AWS_DEFAULT_REGION"}, Endpoint: Setting[string]{"http://minio:9000", "AWS_ENDPOINT_URL"},
				STSEndpoint: Setting[string]{"http://minio:9000", "AWS_ENDPOINT_URL"}, CA: Setting[string]{"/ca.pem", "AWS_CA_BUNDLE"}}},
		{"s3://acme?region=r0&endpoint=https://e", map[string]string{"AWS_REGION": "r1", "AWS_DEFAULT_REGION": "r2", "AWS_ENDPOINT_URL": "no", "AWS_ENDPOINT_URL_STS": "https://sts"},
			Bucket{Kind: S3, Name: "acme", Region: fromURL("r0"), Endpoint: fromURL("https://e"), STSEndpoint: Setting[string]{"https://sts", "AWS_ENDPOINT_URL_STS"}}},
		{"s3://acme", map[string]string{"AWS_REGION": "r1", "AWS_DEFAULT_REGION": "r2", "AWS_ENDPOINT_URL_S3": "https://e", "AWS_ENDPOINT_URL": "https://x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
			Bucket{Kind: S3, Name: "acme", Region: Setting[string]{"r1", "AWS_REGION"}}},
		{"file:///srv/cache/", map[string]string{"AWS_REGION": "r1"}, Bucket{Kind: Directory, Dir: "/srv/cache"}},
		{"file://localhost/srv/a%20b%2525+c%23%3f@d?repo=team&read=1/trusted/main", nil,
			Bucket{Kind: Directory, Dir: "/srv/a b%25+c#?@d", Repository: "team", Read: []TrustedScope{{"1", "main"}}}},
	} {
		got, warnings, err := ParseBucket(tt.text, func(name string) string { return tt.env[name] })
		if err != nil || len(warnings) != 0 {
			t.Errorf("ParseBucket(%q): %v, warnings %q", tt.text, err, warnings)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("ParseBucket(%q):\n%s", tt.text, diff)
		}
		// What is shown for it means the same.
		again, _, err := ParseBucket(got.String(), func(name string) string { return tt.env[name] })
		if err != nil || !again.Equal(got) {
			t.Errorf("ParseBucket(%q) = %v, %v, want what ParseBucket(%q) says", got.String(), again, err, tt.text)
		}
	}
}

func TestParseBucketRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"github":                            "cannot use GitHub's cache yet",
		"ci-cache":                          "want s3://bucket/prefix?region=..., file:///directory or off",
		"https://b.s3.amazonaws.com/":       "want s3://",
		"gs://b":                            "want s3://",
		"/srv/cache":                        "want s3://",
		"s3:b":                              "want s3://bucket/prefix",
		"s3://":                             "names no bucket",
		"s3://b":                            "want a bucket's name of 3 or more",
		"s3://-acme":                        "want a bucket's name of 3 or more",
		"s3:///prefix":                      "names no bucket",
		"s3://host:9000/b":                  "belong into endpoint=",
		"s3://acme#x":                       "want no #",
		"s3://acme/a//b":                    "single slashes",
		"s3://acme/a/../b":                  "single slashes",
		"s3://acme/a%20b":                   "want a prefix of",
		"s3://acme%2fc":                     "want s3://bucket/prefix",
		"s3://acme!":                        "want a bucket's name",
		"file://srv/cache":                  "three slashes",
		"file:srv/cache":                    "three slashes",
		"file:///":                          "no directory of its own",
		"file:///a%00b":                     "no directory of its own",
		"file:///a%zz":                      "want file:///directory",
		"file:///a#b":                       "want file:///directory",
		"s3://acme?region=a/b":              "parameter region: want a region",
		"s3://acme?region=a&region=b":       "parameter region is there twice",
		"s3://acme?region=%zz":              "parameter region: want %XX",
		"s3://acme?region=a%0ab":            "parameter region: want %XX",
		"s3://acme?endpoint=minio:9000":     "parameter endpoint: want https://host",
		"s3://acme?endpoint=http://e/path":  "parameter endpoint: want no path",
		"s3://acme?endpoint=http://e%3fx=1": "parameter endpoint: want no path and no query",
		"s3://acme?endpoint=ftp://e":        "parameter endpoint: want https://host",
		"s3://acme?path-style=maybe":        "parameter path-style: want true or false",
		"s3://acme?ca=ca.pem":               "parameter ca: want the absolute path",
		"s3://acme?sse=rot13":               "parameter sse: want one of AES256",
		"s3://acme?sse=AES256&kms-key=x":    "parameter kms-key: sse=AES256 uses no key of yours",
		"s3://acme?request-payer=me":        "parameter request-payer",
		"s3://acme?checksum=no":             "parameter checksum: want one of",
		"s3://acme?credentials=magic":       "parameter credentials: want one of static",
		"s3://acme?role=ci":                 "parameter role: want the ARN",
		"s3://acme?account=12":              "parameter account: want the 12 digits",
		"s3://acme?repo=../x":               "parameter repo: want a repository's id",
		"s3://acme?repo=..":                 "parameter repo: want a repository's id",
		"s3://acme?read=main":               "parameter read: want <repository's id>/trusted/<branch>",
		"s3://acme?read=1/pr/17":            "parameter read: want <repository's id>/trusted/<branch>",
		"s3://acme?read=1/trusted/":         "parameter read: want <repository's id>/trusted/<branch>",
	} {
		got, _, err := ParseBucket(text, none)
		if err == nil || !strings.Contains(err.Error(), want) || got.Kind != NoBucket {
			t.Errorf("ParseBucket(%q) = %v, %v, want no bucket and %q", text, got, err, want)
		}
	}
	for name, value := range map[string]string{"AWS_REGION": "a b", "AWS_ENDPOINT_URL_S3": "http://e/x", "AWS_CA_BUNDLE": "ca.pem"} {
		_, _, err := ParseBucket("s3://acme", func(n string) string { return map[string]string{name: value}[n] })
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("ParseBucket with %s=%s = %v, want an error that names it", name, value, err)
		}
	}
}

func TestParseBucketWarns(t *testing.T) {
	for text, want := range map[string]string{
		"s3://acme?regoin=x":              `there is no parameter "regoin"; it is ignored; do you mean region?`,
		"s3://acme?path_style=true":       `there is no parameter "path_style"; it is ignored; do you mean path-style?`,
		"s3://acme?KMSKey=x":              `there is no parameter "KMSKey"; it is ignored; do you mean kms-key?`,
		"s3://acme?quantum-entangled=yes": `there is no parameter "quantum-entangled"; it is ignored`,
		"file:///d?reads=1":               `there is no parameter "reads"; it is ignored; do you mean read?`,
		"file:///d?region=x":              `a directory has no parameter "region"; it is ignored`,
	} {
		b, warnings, err := ParseBucket(text, none)
		if err != nil || b.Kind == NoBucket || len(warnings) != 1 || warnings[0] != want {
			t.Errorf("ParseBucket(%q) = %v, %q, %v, want the one warning %q", text, b, warnings, err, want)
		}
	}
}

// TestBucketTellsNoSecret gives values that hold a password, of the kinds that people write by mistake.
func TestBucketTellsNoSecret(t *testing.T) {
	const canary = "wJalrXUtnFEMI"
	for _, text := range []string{
		"s3://AKIA:" + canary + "@bucket/prefix",
		"s3://AKIA:" + canary + "/x@bucket/prefix?region=x",
		"s3://AKIA:x?" + canary + "@bucket/prefix",
		"s3://AKIA?" + canary + "@bucket/prefix",
		"s3://AKIA?x=y&" + canary + "/@bucket/prefix",
		"s3://AKIA:x#" + canary + "@bucket",
		"s3://AKIA:%zz" + canary + "@bucket",
		"s3:AKIA:" + canary + "@bucket",
		"AKIA:" + canary + "@bucket",
		"https://AKIA:" + canary + "@host/bucket",
		"https://host/bucket?X-Amz-Signature=" + canary,
		"file://u:" + canary + "@host/x",
		"s3://acme?secret-access-key=" + canary,
		"s3://acme?endpoint=https://u:" + canary + "@host",
		"s3://acme?endpoint=https://host/?token=" + canary,
		"file:///d?token=" + canary,
	} {
		for _, name := range []string{"COMPILE_CACHE_BUCKET", "COMPILE_CACHE_EDGE"} {
			c := Read(func(n string) string { return map[string]string{name: text}[n] })
			if len(c.Warnings) == 0 {
				t.Errorf("%s=%s gives no warning", name, text)
			}
			b, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			if shown := fmt.Sprintf("%v %+v %#v %s %s", c, c, c, b, c.Bucket.Value); strings.Contains(shown, canary) {
				t.Errorf("%s=%s shows the password: %s", name, text, shown)
			}
		}
	}
}

func TestReadBuckets(t *testing.T) {
	env := map[string]string{
		"COMPILE_CACHE_BUCKET": "s3://acme/p?region=r&colour=red", "COMPILE_CACHE_EDGE": "file:///edge", "COMPILE_CACHE_PROFILE": " nightly ",
	}
	c := Read(func(name string) string { return env[name] })
	if c.Bucket.Value.Name != "acme" || c.Bucket.Source != FromEnvironment || c.Edge.Value.Dir != "/edge" || c.Profile.Value != "nightly" {
		t.Errorf("Read = %+v", c)
	}
	if want := `COMPILE_CACHE_BUCKET: there is no parameter "colour"; it is ignored`; len(c.Warnings) != 1 || c.Warnings[0] != want {
		t.Errorf("Read warns %q, want %q", c.Warnings, want)
	}
	env = map[string]string{"COMPILE_CACHE_BUCKET": "github", "COMPILE_CACHE_EDGE": "ftp://u:p@h/x?y", "COMPILE_CACHE_PROFILE": "a\nb"}
	c = Read(func(name string) string { return env[name] })
	want := []string{
		`COMPILE_CACHE_BUCKET="github": this version cannot use GitHub's cache yet; no such bucket is used`,
		`COMPILE_CACHE_EDGE="ftp://...@h/x": want s3://bucket/prefix?region=..., file:///directory or off; no such bucket is used`,
		`COMPILE_CACHE_PROFILE="a\nb": want one printable line of at most 200 bytes; the default is used`,
	}
	if diff := cmp.Diff(want, c.Warnings); diff != "" || c.Bucket.Value.Kind != NoBucket || c.Edge.Value.Kind != NoBucket {
		t.Errorf("Read = %+v, warnings:\n%s", c, diff)
	}
}
