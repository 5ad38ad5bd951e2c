package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// kinds says what the codes of services mean. Codes that are not here go by their status.
var kinds = map[string]objects.Kind{
	"NoSuchBucket": objects.Absent,

	"PermanentRedirect": objects.Misplaced, "TemporaryRedirect": objects.Misplaced, "Redirect": objects.Misplaced,
	"AuthorizationHeaderMalformed": objects.Misplaced, "IllegalLocationConstraintException": objects.Misplaced,
	"MovedPermanently": objects.Misplaced, "IncorrectEndpoint": objects.Misplaced,

	"ExpiredToken": objects.Credentials, "ExpiredTokenException": objects.Credentials, "TokenRefreshRequired": objects.Credentials,
	"InvalidToken": objects.Credentials, "InvalidAccessKeyId": objects.Credentials, "InvalidClientTokenId": objects.Credentials,
	"SignatureDoesNotMatch": objects.Credentials, "InvalidSecurity": objects.Credentials, "NotSignedUp": objects.Credentials,
	"UnrecognizedClientException": objects.Credentials, "Unauthorized": objects.Credentials,

	"RequestTimeTooSkewed": objects.Skewed,

	"SlowDown": objects.Throttled, "TooManyRequests": objects.Throttled, "Throttling": objects.Throttled,
	"ThrottlingException": objects.Throttled, "RequestLimitExceeded": objects.Throttled, "BandwidthLimitExceeded": objects.Throttled,

	"QuotaExceeded": objects.Full, "XMinioStorageFull": objects.Full, "InsufficientStorage": objects.Full,
	"XMinioAdminBucketQuotaExceeded": objects.Full,

	conditionalConflict: objects.Unavailable, "RequestTimeout": objects.Unavailable,

	"InvalidRange": objects.Unexpected, "BadDigest": objects.Unexpected, "InvalidObjectState": objects.Unexpected,
	"XAmzContentSHA256Mismatch": objects.Unexpected, "NotImplemented": objects.Unexpected,
}

// kindOf returns the kind of an answer that is an error.
func kindOf(code string, status int) objects.Kind {
	if kind, ok := kinds[code]; ok {
		return kind
	}
	switch {
	case status == http.StatusUnauthorized:
		return objects.Credentials
	case status == http.StatusForbidden:
		return objects.Denied
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return objects.Throttled
	case status == http.StatusInsufficientStorage:
		return objects.Full
	case status >= 500:
		return objects.Unavailable
	case status >= 300 && status < 400:
		return objects.Misplaced
	}
	return objects.Unexpected
}

// errorResponse returns the answer of which an error was made, or nil.
func errorResponse(err error) *http.Response {
	var answered interface{ HTTPResponse() *smithyhttp.Response }
	if errors.As(err, &answered) {
		if r := answered.HTTPResponse(); r != nil && r.Response != nil && r.StatusCode != 0 {
			return r.Response
		}
	}
	return nil
}

// refuse is the error of a call that is wrong whatever the bucket holds, and of an answer that no store gives.
func (s *Store) refuse(operation, name, code, format string, args ...any) error {
	return &objects.Error{
		Kind: objects.Unexpected, Operation: operation, Place: s.String(), Name: name, Code: code, Message: s.redact.text(fmt.Sprintf(format, args...)),
	}
}

// failure is a call's error as package objects wants it. Nothing of err but redacted texts is kept.
func (s *Store) failure(ctx context.Context, operation, name string, err error) error {
	var provider *credentialsError
	ended := ctx.Err()
	// Why there were no credentials in time tells more than that there was no more time.
	if ended != nil && (!errors.As(err, &provider) || errors.Is(err, ended)) {
		return fmt.Errorf("%s %s/%s: %w", operation, s, name, ended)
	}
	if already := (*objects.Error)(nil); errors.As(err, &already) {
		return err
	}
	e := &objects.Error{Operation: operation, Place: s.String(), Name: name}
	var page *pageError
	var service smithy.APIError
	r := errorResponse(err)
	switch {
	case errors.As(err, &provider):
		e.Kind, e.Code, e.Message = objects.Credentials, "NoCredentials", provider.Error()
		e.Advice = "no credentials could be got: see compile-cache doctor, or set credentials= in the bucket's URL"
		var split interface{ Split() (what, advice string) }
		if errors.As(err, &split) {
			what, advice := split.Split()
			if e.Message = what; advice != "" {
				e.Advice = advice
			}
		}
	case errors.As(err, &page):
		e.Kind, e.Status, e.Code, e.Message = objects.Unexpected, page.status, "HTMLPage", "the answer is an HTML page"
		e.Advice = "a proxy, a login page or another web server answers in the store's place: see endpoint= and the network"
	case r != nil:
		e.Status, e.RequestID = r.StatusCode, requestID(err, r)
		if errors.As(err, &service) {
			e.Code, e.Message = service.ErrorCode(), service.ErrorMessage()
		}
		if operation == "get" && e.Code == "NoSuchKey" && e.Status == http.StatusNotFound {
			return fmt.Errorf("get %s/%s: %w", s, name, objects.ErrNotFound)
		}
		e.Kind = kindOf(e.Code, e.Status)
		if e.Status < 300 {
			e.Kind, e.Code = objects.Unexpected, "NotUnderstood"
		}
		if e.Kind == objects.Credentials && strings.Contains(e.Code, "Token") {
			s.redact.invalidate()
		}
		e.Advice = s.advice(e, r)
		if e.Message == "" && e.Code == "" {
			e.Message = err.Error()
		}
	default:
		s.unanswered(e, err)
	}
	e.Code, e.Message, e.RequestID, e.Advice = s.redact.text(e.Code), s.redact.text(e.Message), s.redact.text(e.RequestID), s.redact.advice(e.Advice)
	e.Cause = errors.New(s.redact.text(err.Error()))
	if ended != nil {
		e.Cause = fmt.Errorf("%w: %w", e.Cause, ended)
	}
	return e
}

// requestID returns what the service's people need to find the request.
func requestID(err error, r *http.Response) string {
	var identified interface{ ServiceRequestID() string }
	if errors.As(err, &identified) && identified.ServiceRequestID() != "" {
		return identified.ServiceRequestID()
	}
	return r.Header.Get("X-Amz-Request-Id")
}

// unanswered describes a failure without an answer.
func (s *Store) unanswered(e *objects.Error, err error) {
	e.Kind, e.Message = objects.Unreachable, rootText(err)
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var timeout interface{ Timeout() bool }
	var sent *smithyhttp.RequestSendError
	switch {
	case errors.As(err, &dns):
		e.Code, e.Advice = "NameNotFound", "the host's name is not known here: see endpoint=, region= and the network"
	case errors.As(err, &authority):
		e.Code = "UnknownAuthority"
		e.Advice = "the server's certificate is of an authority unknown here: name its certificate by ca=/path/file.pem in the bucket's URL"
	case errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &certificate):
		e.Code, e.Advice = "BadCertificate", "the server's certificate is not good for this host: see endpoint= and path-style= in the bucket's URL"
	case errors.As(err, &record), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		e.Code, e.Advice = "NotTLS", "the server speaks no TLS there: where that is meant, write http:// in endpoint="
	case strings.Contains(err.Error(), "malformed HTTP response"):
		e.Kind, e.Code, e.Advice = objects.Unexpected, "NotHTTP", "what answers speaks no HTTP: see endpoint= (https:// or http://, and the port)"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Code, e.Advice = "ConnectionRefused", "nothing listens there: see endpoint=, and whether the service runs"
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Code, e.Advice = "TimedOut", "the service does not answer in time: see the network, a proxy (HTTPS_PROXY) or a firewall"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Code, e.Advice = "ConnectionCut", "the connection was cut: see the network and what lies between"
	case errors.As(err, &sent):
		e.Code = "NoAnswer"
	default:
		e.Kind, e.Code = objects.Unexpected, "NotUnderstood"
		e.Advice = "the answer is none that a store gives: see endpoint="
	}
}

// rootText is the innermost text of an error: the layers above it name requests in the words of the SDK.
func rootText(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || inner.Error() == "" {
			return err.Error()
		}
		if _, ok := err.(*net.OpError); ok {
			return err.Error()
		}
		err = inner
	}
}

// actions are the rights that operations need, in the words of IAM.
var actions = map[string]string{"get": "s3:GetObject", "put": "s3:PutObject", "list": "s3:ListBucket", "head": "s3:ListBucket", "delete": "s3:DeleteObject"}

// expecting finds the region in the message of AuthorizationHeaderMalformed.
var expecting = regexp.MustCompile(`expecting '([a-z0-9-]{1,40})'`)

// advice says what to do about an answer.
func (s *Store) advice(e *objects.Error, r *http.Response) string {
	switch e.Code {
	case "NotImplemented":
		return "this service may not know If-None-Match, which keeps objects from being overwritten: a newer version is needed"
	case "InvalidObjectState":
		return "the bucket's lifecycle rules have archived the object: let them expire objects under " + s.String() + " instead"
	case "XAmzContentSHA256Mismatch", "BadDigest":
		return "the body was changed on its way, or its file while it was read"
	}
	switch e.Kind {
	case objects.Denied:
		return s.deniedAdvice(e)
	case objects.Absent:
		return "make the bucket " + s.options.Bucket + ", or correct its name in the bucket's URL"
	case objects.Misplaced:
		return s.misplacedAdvice(e, r)
	case objects.Credentials:
		switch {
		case s.anonymous:
			return "the service wants credentials: set credentials= in the bucket's URL"
		case strings.Contains(e.Code, "Expired"):
			return "the credentials have expired: those of a static session are not renewed, choose credentials= that are"
		case e.Code == "SignatureDoesNotMatch":
			return "the secret key is not that of the access key, or a proxy changes requests"
		case e.Code == "InvalidAccessKeyId":
			return "the service does not know the access key: see that it belongs to this endpoint="
		}
		return "the service does not take the credentials: see compile-cache doctor"
	case objects.Throttled:
		return "the service asks for fewer requests: fewer jobs at once, or a prefix of one's own, help"
	case objects.Skewed:
		at, err := http.ParseTime(r.Header.Get("Date"))
		if err != nil {
			return "set this machine's clock"
		}
		off := s.options.Now().Sub(at).Round(time.Second)
		if off < 0 {
			return fmt.Sprintf("this machine's clock is %v behind the service's: set it", -off)
		}
		return fmt.Sprintf("this machine's clock is %v ahead of the service's: set it", off)
	case objects.Full:
		return "make room in the store, or raise the bucket's quota"
	}
	return ""
}

// deniedAdvice names the right that is missing.
func (s *Store) deniedAdvice(e *objects.Error) string {
	if s.anonymous {
		return "no credentials are used: set credentials= in the bucket's URL, or make " + s.String() + " public for reading"
	}
	name := ""
	if e.Operation == "get" || e.Operation == "put" || e.Operation == "delete" {
		name = "*"
	}
	resource := s.ARN(name)
	if s.custom {
		_, resource, _ = strings.Cut(resource, ":s3:::")
	}
	advice := "allow " + actions[e.Operation] + " on " + resource
	switch {
	case e.Operation == "get":
		advice += "; if that is allowed, the object may be absent: s3:ListBucket on the bucket lets absence be told from refusal"
	case e.Operation == "put" && s.options.SSE != "" && s.options.SSE != "AES256":
		advice += ", and kms:GenerateDataKey on the key"
	}
	return advice
}

// misplacedAdvice names the region or endpoint that the answer names.
func (s *Store) misplacedAdvice(e *objects.Error, r *http.Response) string {
	region := r.Header.Get(regionHeader)
	if found := expecting.FindStringSubmatch(e.Message); region == "" && found != nil {
		region = found[1]
	}
	if regionName.MatchString(region) {
		return fmt.Sprintf("the bucket is in region %s, and %s was asked: set region=%s in the bucket's URL", region, s.knownRegion(), region)
	}
	if location := r.Header.Get("Location"); location != "" {
		return "the answer leads elsewhere, which is not followed: see endpoint= in the bucket's URL"
	}
	return "see region= and endpoint= in the bucket's URL"
}
