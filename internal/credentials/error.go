package credentials

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/aws/smithy-go"
)

// Error says why there are no credentials. It holds no secret, whatever the services answered. Two errors of equal Provider,
// Operation and Code have one cause: people are told once.
type Error struct {
	Provider  string // "" where none could be chosen
	Operation string // "choose", "request identity token", "assume role" ...
	Endpoint  string // that was asked, or the file that was read; "" where none was
	Status    int    // of HTTP; 0 where there was no answer
	Code      string // of the service: "AccessDenied"
	Message   string // of the service, or what is wrong with what is set
	RequestID string
	Advice    string  // what to do, without a full stop
	Temporary bool    // the same may succeed later
	Claims    *Claims // of the identity token that was refused, not verified; nil where none was
	Cause     error   // what errors.Is may find: the end of a context, an absent file. Its text is safe to show
}

// Error tells everything in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("credentials")
	if e.Provider != "" {
		b.WriteString(" " + e.Provider)
	}
	b.WriteString(": " + e.Operation)
	if e.Endpoint != "" {
		b.WriteString(" at " + e.Endpoint)
	}
	separator := ": "
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
		separator = ", "
	}
	parts := []struct{ label, text string }{{"code ", e.Code}, {"", e.Message}, {"request id ", e.RequestID}}
	if e.Message == "" && e.Cause != nil {
		parts[1].text = e.Cause.Error()
	}
	for _, part := range parts {
		if part.text != "" {
			b.WriteString(separator + part.label + part.text)
			separator = ", "
		}
	}
	if e.Advice != "" {
		b.WriteString("; " + e.Advice)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }

// Split returns Error's text without the advice, and the advice: who puts it into an error of another kind keeps them apart.
func (e *Error) Split() (what, advice string) {
	bare := *e
	bare.Advice = ""
	return bare.Error(), e.Advice
}

// GoString is Error: %#v of an error in a log says no more than %v.
func (e *Error) GoString() string { return e.Error() }

// cause stands for an error whose own fields may hold a request, and so a secret.
type cause struct {
	text string
	is   error // one of sentinels, or nil
}

func (c *cause) Error() string { return c.text }
func (c *cause) Unwrap() error { return c.is }

// sentinels are the errors that callers may look for.
var sentinels = []error{
	context.Canceled, context.DeadlineExceeded, fs.ErrNotExist, fs.ErrPermission, errTooLong, errClosed, syscall.ECONNREFUSED,
}

// describe makes an Error of what an SDK, the network or the file system returned. An Error that is inside already stays as it is:
// it is nearer to what happened.
func describe(provider, operation, endpoint string, err error, secrets ...string) *Error {
	var inner *Error
	if errors.As(err, &inner) {
		return inner
	}
	e := &Error{Provider: provider, Operation: operation, Endpoint: endpoint}
	var answered interface{ HTTPStatusCode() int }
	if errors.As(err, &answered) {
		e.Status = answered.HTTPStatusCode()
	}
	var request interface{ ServiceRequestID() string }
	if errors.As(err, &request) {
		e.RequestID = safe(request.ServiceRequestID(), secrets...)
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		e.Code, e.Message = safe(api.ErrorCode(), secrets...), safe(api.ErrorMessage(), secrets...)
	}
	text := err
	var sent *url.Error
	if errors.As(err, &sent) {
		text = sent.Err // the endpoint is told already
	}
	e.Cause = &cause{text: safe(text.Error(), secrets...), is: sentinelOf(err)}
	e.Temporary = temporary(e.Status, e.Code, err)
	return e
}

func sentinelOf(err error) error {
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return s
		}
	}
	return nil
}

// temporary reports whether the same request may soon be answered otherwise.
func temporary(status int, code string, err error) bool {
	switch code {
	case "IDPCommunicationError", "IDPCommunicationErrorException", "Throttling", "ThrottlingException", "RequestLimitExceeded",
		"TooManyRequestsException", "InternalFailure", "InternalError", "ServiceUnavailable", "RequestTimeout":
		return true
	}
	if status != 0 {
		// An answer that ends too early has the status of success.
		return status == http.StatusTooManyRequests || status >= 500 || status < 300 && code == "" && !errors.Is(err, errTooLong)
	}
	// An unknown certificate stays unknown; a name that is not found may be found later.
	return code == "" && !isCertificate(err) && !errors.Is(err, errTooLong) && !errors.Is(err, fs.ErrNotExist) &&
		!errors.Is(err, fs.ErrPermission)
}

// maxText bounds what is quoted of a service, in bytes.
const maxText = 400

// jwt finds identity tokens, and what looks like one.
var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`)

// keys finds answers that hold credentials, though they are those of a failure.
var keys = regexp.MustCompile(`(?i)secret_?access_?key|aws_?session_?token`)

// safe returns one line of a foreign text, bounded, with all secrets cut out.
func safe(text string, secrets ...string) string {
	for _, s := range secrets {
		// What is shorter is no secret, and its letters may occur anywhere.
		if len(s) >= 8 {
			text = strings.ReplaceAll(text, s, "[secret]")
			text = strings.ReplaceAll(text, url.QueryEscape(s), "[secret]")
		}
	}
	if keys.MatchString(text) {
		return "[an answer that holds keys]"
	}
	text = jwt.ReplaceAllString(text, "[secret]")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		text = text[:maxText]
		for len(text) > 0 && !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
		text += " ..."
	}
	return text
}
