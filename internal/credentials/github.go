package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// defaultAudience is what AWS's documentation has identity providers expect.
const defaultAudience = "sts.amazonaws.com"

// tokenTries bounds the requests for one identity token.
const tokenTries = 10

// issuer asks GitHub's runner service for identity tokens of this job.
type issuer struct {
	*setup
	url, bearer, audience string
}

// token returns a new identity token.
func (g *issuer) token(ctx context.Context) (string, *Error) {
	const operation = "request identity token"
	at := place(g.url)
	fail := func(err error) *Error {
		return describe(GitHubOIDC, operation, at, err, g.bearer)
	}
	u, err := url.Parse(g.url)
	if err != nil {
		return "", fail(errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is no URL"))
	}
	query := u.Query()
	query.Set("audience", g.audience)
	u.RawQuery = query.Encode()
	request, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fail(err)
	}
	request.Header.Set("Authorization", "bearer "+g.bearer)
	request.Header.Set("Accept", "application/json; api-version=2.0")
	request.Header.Set("User-Agent", "compile-cache")

	var body []byte
	request.SetResponseHandler(func(r *http.Response) error {
		var err error
		body, err = io.ReadAll(r.Body)
		return err
	})
	var last *Error // of a try, to be told where the time ends while waiting for the next
	client := retryablehttp.Client{
		HTTPClient: g.services, RetryMax: tokenTries - 1, ErrorHandler: retryablehttp.PassthroughErrorHandler,
		CheckRetry: func(ctx context.Context, r *http.Response, err error) (bool, error) {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			if errors.Is(err, errTooLong) {
				return false, err
			}
			again, checked := retryablehttp.DefaultRetryPolicy(ctx, r, err)
			if again && err != nil {
				last = fail(err)
			} else if again {
				last = g.refused(operation, at, r, nil)
			}
			return again, checked
		},
		Backoff: func(_, _ time.Duration, try int, r *http.Response) time.Duration {
			if after := retryAfter(r); after > 0 {
				return after
			}
			return g.seams.backoff(try)
		},
	}
	response, err := client.Do(request)
	if response != nil && err != nil {
		response.Body.Close()
	}
	switch {
	case err != nil && ctx.Err() != nil && last != nil:
		return "", last
	case err != nil:
		return "", fail(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", g.refused(operation, at, response, body)
	}
	token, err := tokenOf(body)
	if err != nil {
		return "", &Error{Provider: GitHubOIDC, Operation: operation, Endpoint: at, Status: response.StatusCode, Message: err.Error()}
	}
	return token, nil
}

// refused describes an answer that is no token.
func (g *issuer) refused(operation, at string, r *http.Response, body []byte) *Error {
	e := &Error{
		Provider: GitHubOIDC, Operation: operation, Endpoint: at, Status: r.StatusCode, RequestID: safe(r.Header.Get("X-GitHub-Request-Id"), g.bearer),
	}
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) == nil {
		e.Message = safe(answer.Message, g.bearer)
	}
	if e.Message == "" {
		e.Message = safe(string(body), g.bearer)
	}
	switch r.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Advice = "the job's right to request identity tokens ends with the job: a process that outlived it cannot go on"
	}
	return e
}

// tokenOf reads an answer: one JSON object with the token as its value. Its errors hold nothing of it.
func tokenOf(body []byte) (string, error) {
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", errors.New("the answer is no JSON object with a value")
	}
	if _, err := ParseClaims([]byte(answer.Value)); err != nil {
		return "", errors.New("the answer's value is no identity token: " + err.Error())
	}
	return answer.Value, nil
}

// retryAfter is what a server asks for, in seconds, at most 20; 0 where it asks for nothing.
func retryAfter(r *http.Response) time.Duration {
	if r == nil || r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(min(max(seconds, 0), 20)) * time.Second
}
