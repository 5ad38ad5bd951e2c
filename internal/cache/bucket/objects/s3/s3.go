// Package s3 keeps objects in a bucket of S3, or of a service that speaks like it: R2, MinIO, Ceph, versitygw and others.
//
// # What it asks
//
// Three operations, each one request but for repeats: GetObject with a Range, PutObject with If-None-Match: *, ListObjectsV2. In terms
// of IAM: s3:GetObject, s3:PutObject, s3:ListBucket. Without s3:ListBucket, S3 answers 403 for an object that does not exist, and
// absence cannot be told from refusal; the error then says so. Nothing is asked when a store is opened. Where AWS is asked and no region
// is set, the first call asks for the bucket's (FindRegion).
//
// # What it believes
//
// Of a range, only a 206 whose Content-Range is exactly that range, and a body of exactly its length. Of a list, only one that names
// the bucket, is in order and holds what was asked for. Of a put, only an answer with an ETag. An HTML page is no answer, whatever its
// status: captive portals and proxies send those. Redirects are not followed. Answers are read up to a bound.
//
// The SHA-256 that a Put is told is signed as the body's, so the service refuses other bytes, and nothing is hashed here; with
// "when_supported" it is stored as x-amz-checksum-sha256 too. Trailing checksums, which R2 and older MinIO and Ceph reject, are never used.
// A store without credentials cannot sign: there the body is hashed here before it is sent.
//
// # Time
//
// Times are those of the Date header. A list's is that less the time that the request took, so it is not after its beginning.
//
// # Repeats
//
// At most 3 attempts, at most 1 s apart; what a server wants by Retry-After does not count. Connecting takes at most 3 s, TLS 5 s, and
// an answer must begin within 15 s of the request. Beyond that ctx is the limit; there is none for bodies.
package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// Options say which bucket, and how it is reached.
type Options struct {
	Bucket string
	Prefix string // of all names, without "/" at its ends; may be empty

	Region   string // empty: FindRegion with AWS, us-east-1 with an Endpoint
	Endpoint string // https://host:port, or http:// where it must be; empty: that of AWS

	PathStyle *bool  // the bucket in the path, not in the host; nil: where there is an Endpoint
	CABundle  []byte // PEM, in addition to the system's; only where HTTPClient is nil

	SSE           string // AES256, aws:kms, aws:kms:dsse; empty: the bucket's default
	KMSKey        string // implies an SSE of aws:kms
	RequesterPays bool

	// Checksum is when_supported or when_required. Empty: the second where there is an Endpoint.
	Checksum string

	Credentials aws.CredentialsProvider // nil: anonymous
	HTTPClient  *http.Client            // nil: one with the time limits of the package's doc. Its redirects are not followed
	Now         func() time.Time        // the local clock: for durations, and where an answer has no date
	UserAgent   string                  // "compile-cache/1.2.3"

	backoff retry.BackoffDelayer // between attempts; nil: the SDK's, up to maxBackoff
}

// httpDoer is what carries requests.
type httpDoer interface {
	Do(*http.Request) (*http.Response, error)
}

// Store is a bucket. Its methods may be called from many goroutines.
type Store struct {
	options   Options
	client    *s3.Client
	finder    *s3.Client // without credentials, for FindRegion
	redact    *redactor
	anonymous bool
	custom    bool // not AWS

	finding chan struct{} // held by who looks for the region
	mu      sync.Mutex
	region  string // guarded by mu; empty until found
}

var _ objects.Store = (*Store)(nil)

var (
	bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`)
	regionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
	prefixText = regexp.MustCompile(`^[^\x00-\x1f\x7f]{0,400}$`)
)

// Open returns the store of a bucket. Its error is about the options.
func Open(o Options) (*Store, error) {
	o.Prefix = strings.Trim(o.Prefix, "/")
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("open s3 bucket %.100q: %w", o.Bucket, err)
	}
	s := &Store{options: o, custom: o.Endpoint != "", region: o.Region, finding: make(chan struct{}, 1), redact: &redactor{}}
	s.redact.provider, s.anonymous = o.Credentials, o.Credentials == nil
	if s.custom && s.region == "" {
		s.region = "us-east-1"
	}
	if s.options.Checksum == "" {
		s.options.Checksum = "when_supported"
		if s.custom {
			s.options.Checksum = "when_required"
		}
	}
	if o.KMSKey != "" && o.SSE == "" {
		s.options.SSE = string(types.ServerSideEncryptionAwsKms)
	}
	doer, err := o.doer()
	if err != nil {
		return nil, fmt.Errorf("open s3 bucket %s: %w", o.Bucket, err)
	}
	s.client = s.connect(doer, aws.AnonymousCredentials{})
	s.finder = s.client
	if !s.anonymous {
		s.client = s.connect(doer, s.redact)
	}
	return s, nil
}

// connect returns a client that uses these credentials.
func (s *Store) connect(doer httpDoer, credentials aws.CredentialsProvider) *s3.Client {
	o := s.options
	options := s3.Options{
		Region:                     s.region,
		UsePathStyle:               o.PathStyle == nil && s.custom || o.PathStyle != nil && *o.PathStyle,
		HTTPClient:                 doer,
		Credentials:                credentials,
		Retryer:                    retryer(o.backoff),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		DisableLogOutputChecksumValidationSkipped: true,
	}
	if s.custom {
		options.BaseEndpoint = &o.Endpoint
	}
	if name, version, _ := strings.Cut(o.UserAgent, "/"); name != "" {
		options.APIOptions = append(options.APIOptions, awsmiddleware.AddUserAgentKeyValue(name, version))
	}
	return s3.New(options)
}

func (o *Options) check() error {
	if !bucketName.MatchString(o.Bucket) {
		return errors.New("the name is none of a bucket")
	}
	if !prefixText.MatchString(o.Prefix) || strings.Contains("/"+o.Prefix+"/", "/../") || strings.Contains("/"+o.Prefix+"/", "/./") {
		return fmt.Errorf("prefix %.100q: want at most 400 bytes, no control characters, no segment of dots", o.Prefix)
	}
	if o.Region != "" && !regionName.MatchString(o.Region) {
		return fmt.Errorf("region %.100q is none", o.Region)
	}
	if o.Endpoint != "" {
		// The text is not shown: it may hold a password.
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return errors.New("endpoint: want https://host:port, without user and parameters")
		}
	}
	if !slices.Contains([]string{"", "when_supported", "when_required"}, o.Checksum) {
		return fmt.Errorf("checksum %.40q: want when_supported or when_required", o.Checksum)
	}
	if !slices.Contains([]string{"", "AES256", "aws:kms", "aws:kms:dsse"}, o.SSE) {
		return fmt.Errorf("sse %.40q: want AES256, aws:kms or aws:kms:dsse", o.SSE)
	}
	if o.Now == nil {
		return errors.New("no clock is given")
	}
	return nil
}

func (s *Store) String() string {
	if s.options.Prefix == "" {
		return "s3://" + s.options.Bucket
	}
	return "s3://" + s.options.Bucket + "/" + s.options.Prefix
}

// key is the full key of a name.
func (s *Store) key(name string) string {
	if s.options.Prefix == "" {
		return name
	}
	return s.options.Prefix + "/" + name
}

// maxBackoff bounds the pause between attempts. A compile may wait for them, and what is worth more patience has it elsewhere: lookups
// a breaker, publications a queue.
const maxBackoff = 250 * time.Millisecond

// retryer repeats what may succeed a moment later.
func retryer(backoff retry.BackoffDelayer) aws.Retryer {
	standard := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 3
		o.MaxBackoff = maxBackoff
		if backoff != nil {
			o.Backoff = backoff
		}
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(hopeless)}, o.Retryables...)
	})
	// Two conditional puts of one name at the same moment: the service asks for the request once more.
	return retry.AddWithErrorCodes(standard, conditionalConflict, "TooManyRequests")
}

// hopeless says of a certificate that it will be no better.
func hopeless(err error) aws.Ternary {
	if certificate := (*tls.CertificateVerificationError)(nil); errors.As(err, &certificate) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// request returns the options that every call needs.
func (s *Store) request(ctx context.Context) (func(*s3.Options), error) {
	region, err := s.FindRegion(ctx)
	if err != nil {
		return nil, err
	}
	return func(o *s3.Options) { o.Region = region }, nil
}

// payer is who pays.
func (s *Store) payer() types.RequestPayer {
	if s.options.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}

// response returns the answer that an output was made from.
func response(metadata middleware.Metadata) *http.Response {
	if r, ok := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response); ok && r.Response != nil {
		return r.Response
	}
	return &http.Response{} // what no check lets pass
}

// date returns the service's time when it answered.
func (s *Store) date(h http.Header) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return s.options.Now()
}
