package credentials

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestGitHubExchange(t *testing.T) {
	w := newWorld(t)
	c := w.choose(w.options())
	if c.Provider != GitHubOIDC || c.Role != roleARN {
		t.Fatalf("Choose() = %s of role %s, want github-oidc of %s", c.Provider, c.Role, roleARN)
	}
	id, err := c.Check(t.Context())
	if err != nil {
		t.Fatalf("Check() = %v, want an identity", err)
	}
	if want := "arn:aws:sts::" + account + ":assumed-role/acme-ci-pr/compile-cache-99"; id.ARN != want || id.Account != account {
		t.Errorf("Check() = %s of account %s, want %s", id.ARN, id.Account, want)
	}
	if id.Claims == nil || id.Claims.Subject != subject || id.Claims.RepositoryID != "4711" {
		t.Errorf("Check() has claims %+v, want sub %s", id.Claims, subject)
	}
	if want := w.clock.Now().Add(time.Hour); !id.Expires.Equal(want) {
		t.Errorf("Check() expires %v, want %v", id.Expires, want)
	}
	if got := key(t, c); got != "ASIA1" {
		t.Errorf("Retrieve() has key %s, want ASIA1 of the exchange of Check", got)
	}
}

func TestAudienceAndTokenMatter(t *testing.T) {
	t.Run("audience", func(t *testing.T) {
		w := newWorld(t)
		w.github.audience = "sts.amazonaws.com.cn"
		if e := w.failing(w.options()); e.Status != http.StatusBadRequest || e.Message != "wrong audience" || w.sts.count() != 0 {
			t.Errorf("got %v and %d requests to STS, want status 400 and none", e, w.sts.count())
		}
	})
	t.Run("audience set", func(t *testing.T) {
		w := newWorld(t)
		w.github.audience = "sts.amazonaws.com.cn"
		o := w.options()
		o.Audience = w.github.audience
		key(t, w.choose(o))
	})
	t.Run("bearer", func(t *testing.T) {
		w := newWorld(t)
		w.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "CANARY-another-token"
		if e := w.failing(w.options()); e.Status != http.StatusUnauthorized || w.github.count() != 1 {
			t.Errorf("got %v after %d requests, want status 401 after 1", e, w.github.count())
		}
	})
}

// TestFlakesArePassed has each service fail as it does while a large matrix starts.
func TestFlakesArePassed(t *testing.T) {
	tests := []struct {
		name             string
		github, sts      []http.HandlerFunc
		wantGitHub, want int // requests
	}{
		{name: "issuer 503", github: []http.HandlerFunc{status(503, "later"), status(500, "")}, wantGitHub: 3, want: 1},
		{name: "issuer 429", github: []http.HandlerFunc{status(429, "slowly")}, wantGitHub: 2, want: 1},
		{name: "issuer cut", github: []http.HandlerFunc{cut}, wantGitHub: 2, want: 1},
		{name: "STS cannot reach the issuer", sts: []http.HandlerFunc{stsError(400, "IDPCommunicationError", "x"), stsError(400, "IDPCommunicationError", "x")}, wantGitHub: 3, want: 3},
		{name: "verification key", sts: []http.HandlerFunc{stsError(400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")}, wantGitHub: 2, want: 2},
		{name: "denied while the matrix starts", sts: []http.HandlerFunc{stsError(403, "AccessDenied", "Not authorized")}, wantGitHub: 2, want: 2},
		{name: "STS 5xx", sts: []http.HandlerFunc{status(500, ""), status(503, "<html>")}, wantGitHub: 3, want: 3},
		{name: "STS throttles", sts: []http.HandlerFunc{stsError(400, "Throttling", "Rate exceeded")}, wantGitHub: 2, want: 2},
		{name: "STS cut", sts: []http.HandlerFunc{cut}, wantGitHub: 2, want: 2},
		{name: "STS incomplete", sts: []http.HandlerFunc{status(200, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)}, wantGitHub: 2, want: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.github.plan, w.sts.plan = tt.github, tt.sts
			key(t, w.choose(w.options()))
			if w.github.count() != tt.wantGitHub || w.sts.count() != tt.want {
				t.Errorf("got %d token requests and %d exchanges, want %d and %d", w.github.count(), w.sts.count(), tt.wantGitHub, tt.want)
			}
		})
	}
}

// TestFailures has each service fail for good.
func TestFailures(t *testing.T) {
	tests := []struct {
		name        string
		github, sts http.HandlerFunc
		want        []string
		requests    int // to the service that fails
	}{
		{name: "issuer down", github: status(503, ""), want: []string{"request identity token", "status 503"}, requests: tokenTries},
		{name: "issuer echoes", github: echo, want: []string{"status 400", "[secret]"}, requests: 1},
		{name: "issuer endless", github: endless, want: []string{"longer than 65536"}, requests: 1},
		{name: "no JSON", github: status(200, "<html>CANARY"), want: []string{"no JSON"}, requests: 1},
		{name: "more than JSON", github: status(200, `{"value":"`+mint(claimsOf(1))+`"}CANARY`), want: []string{"no JSON"}, requests: 1},
		{name: "no value", github: status(200, `{}`), want: []string{"no identity token"}, requests: 1},
		{name: "no token", github: status(200, `{"value":"CANARY"}`), want: []string{"no identity token"}, requests: 1},
		{name: "redirected", github: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, want: []string{"status 302"}, requests: 1},
		{name: "STS denies", sts: stsError(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
			want: []string{"status 403, code AccessDenied", "request id 4XR2M0", `sub "` + subject + `"`, `aud "sts.amazonaws.com"`,
				`"Condition": {"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com","token.actions.githubusercontent.com:sub":["repo:acme/app:pull_request","repo:acme@42/app@4711:pull_request"]}}`},
			requests: deniedTries},
		{name: "no provider", sts: stsError(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account"), want: []string{"needs an identity provider", "https://token.actions"}, requests: 1},
		{name: "STS expired", sts: stsError(400, "ExpiredTokenException", "Token expired"), want: []string{"code ExpiredTokenException"}, requests: 1},
		{name: "STS flakes on", sts: stsError(400, "IDPCommunicationError", "x"), want: []string{"IDPCommunicationError"}, requests: assumeTries},
		{name: "STS 5xx on", sts: status(502, "<html>"), want: []string{"status 502"}, requests: assumeTries},
		{name: "STS echoes", sts: echo, want: []string{"code Weird", "[secret]"}, requests: 1},
		{name: "STS endless", sts: endless, want: []string{"longer than 65536"}, requests: 1},
		{name: "STS breaks lines", sts: stsError(400, "Weird", "::error::x\n::add-mask::y\r\t"), want: []string{"::error::x ::add-mask::y"}, requests: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			fails := &w.sts.requests
			if tt.github != nil {
				w.github.plan, fails = always(tt.github), &w.github.requests
			} else {
				w.sts.plan = always(tt.sts)
			}
			e := w.failing(w.options())
			wantIn(t, "error", e.Error(), tt.want...)
			// net/http may drop a connection whose answer is long, since the SDK closes a request's body as soon as the answer begins;
			// that is tried again. Answers of the usual size have arrived by then.
			if got := fails.count(); got != tt.requests && (tt.name != "STS endless" || got < tt.requests) {
				t.Errorf("got %d requests, want %d; log: %s", got, tt.requests, w.logs)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	w.env["ACTIONS_ID_TOKEN_REQUEST_URL"] = "http://127.0.0.1:1/token"
	e := w.failing(w.options())
	wantIn(t, "error", e.Error(), "at http://127.0.0.1:1/token", "connection refused")
	if !e.Temporary {
		t.Error("got a lasting error, want a temporary one")
	}
}

func TestRenewalBeforeExpiry(t *testing.T) {
	w := newWorld(t)
	c := w.choose(w.options())
	if got := key(t, c); got != "ASIA1" {
		t.Fatalf("Retrieve() has key %s, want ASIA1", got)
	}
	w.clock.advance(54 * time.Minute)
	if got := key(t, c); got != "ASIA1" || w.sts.count() != 1 {
		t.Fatalf("after 54 minutes: key %s, %d exchanges, want ASIA1, 1", got, w.sts.count())
	}
	w.clock.advance(2 * time.Minute)
	release := make(chan struct{})
	w.sts.plan = []http.HandlerFunc{nil, func(http.ResponseWriter, *http.Request) { <-release; panic(http.ErrAbortHandler) }}
	if got := key(t, c); got != "ASIA1" {
		t.Errorf("while the renewal runs: key %s, want the good one in memory", got)
	}
	close(release)
	if _, err := c.state.cache.renew(t.Context()); err != nil { // waits for the renewal, which passes the cut connection
		t.Fatal(err)
	}
	if got := key(t, c); got != "ASIA3" {
		t.Errorf("after the renewal: key %s, want ASIA3", got)
	}
}

// TestFailedRenewal keeps what is good, asks not at once again, and recovers.
func TestFailedRenewal(t *testing.T) {
	w := newWorld(t)
	c := w.choose(w.options())
	key(t, c)
	w.clock.advance(56 * time.Minute)
	w.sts.plan = append([]http.HandlerFunc{nil}, always(stsError(400, "InvalidIdentityToken", "Incorrect token audience"))...)
	if _, err := c.state.cache.renew(t.Context()); err == nil {
		t.Fatal("renew() = nil, want the failure")
	} else {
		fault(t, err)
	}
	if got := key(t, c); got != "ASIA1" || w.sts.count() != 2 {
		t.Errorf("after a failed renewal: key %s, %d exchanges, want ASIA1, 2", got, w.sts.count())
	}
	wantIn(t, "log", w.logs.String(), "not renewed", "Incorrect token audience")
	w.clock.advance(5 * time.Minute)
	for range 3 {
		if _, err := c.AWS().Retrieve(t.Context()); err == nil {
			t.Error("Retrieve() of expired credentials = nil, want the failure")
		}
	}
	if w.sts.count() != 3 {
		t.Errorf("three requests made %d exchanges, want 1 more: the failure is held", w.sts.count())
	}
	w.sts.plan = nil
	w.clock.advance(holdOff)
	if got := key(t, c); got != "ASIA4" {
		t.Errorf("afterwards: key %s, want ASIA4", got)
	}
}

func TestConcurrentUseIsOneExchange(t *testing.T) {
	w := newWorld(t)
	c := w.choose(w.options())
	const users = 50
	entered := make(chan struct{})
	release := make(chan struct{})
	w.github.plan = []http.HandlerFunc{func(rw http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		status(503, "")(rw, r)
	}}
	var wg sync.WaitGroup
	for range users {
		wg.Go(func() {
			if got, err := c.AWS().Retrieve(t.Context()); err != nil || got.AccessKeyID != "ASIA1" {
				t.Errorf("Retrieve() = %s, %v, want ASIA1", got.AccessKeyID, err)
			}
		})
	}
	<-entered
	close(release)
	wg.Wait()
	if w.sts.count() != 1 || w.github.count() != 2 {
		t.Errorf("%d users made %d exchanges and %d token requests, want 1 and 2", users, w.sts.count(), w.github.count())
	}
}

// TestClocks has STS in another time: the life of credentials counts, not our idea of its end.
func TestClocks(t *testing.T) {
	for _, skew := range []time.Duration{-20 * time.Minute, 20 * time.Minute} {
		w := newWorld(t)
		w.sts.skew = skew
		id, err := w.choose(w.options()).Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Expires.Sub(w.clock.Now()); got != time.Hour {
			t.Errorf("with STS %v off, credentials live %v, want 1h", skew, got)
		}
	}
}

func TestInvalidate(t *testing.T) {
	w := newWorld(t)
	c := w.choose(w.options())
	key(t, c)
	c.Invalidate("ASIA0")
	if got := key(t, c); got != "ASIA1" {
		t.Errorf("another key was invalidated: got %s, want ASIA1", got)
	}
	c.Invalidate("ASIA1")
	if got := key(t, c); got != "ASIA2" {
		t.Errorf("after Invalidate: got %s, want ASIA2", got)
	}
}

func TestAllowedAccount(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.AllowedAccount = "210987654321"
	_, err := Choose(o)
	wantIn(t, "Choose() of a role of another account", fault(t, err).Error(), "only account 210987654321")
	o.AllowedAccount = account
	w.sts.acct = "666666666666"
	if e := w.failing(o); !strings.Contains(e.Message, "of account 666666666666") {
		t.Errorf("got %v, want the account refused that STS named", e)
	}
}
