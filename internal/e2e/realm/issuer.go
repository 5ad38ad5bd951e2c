package realm

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	stdlog "log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// IssuerHost is the host of GitHub's issuer of identity tokens.
const IssuerHost = "token.actions.githubusercontent.com"

// The repository whose builds share a bucket, and how its jobs are called in the subjects of identity tokens. All names are those
// of the guide, docs/bucket.md.
const (
	Repository   = "acme/app"
	RepositoryID = "4711"
	SubMain      = "repo:" + Repository + ":ref:refs/heads/main"
	SubPull      = "repo:" + Repository + ":pull_request"
	Workflow     = Repository + "/.github/workflows/build.yml" // and the ref after "@"
	Bucket       = "acme-ci"
	Prefix       = "compile-cache/"
)

// Audience is the one that AWS expects.
const Audience = "sts.amazonaws.com"

// Issuer plays GitHub's issuer: jobs ask it for tokens that say who they are, and STS asks it for the keys of its signatures.
// It is as strict as it may be, and gives nothing to whom does not ask right.
type Issuer struct {
	server *http.Server
	key    *rsa.PrivateKey

	mu      sync.Mutex
	jobs    map[string]Claims // by request token
	issued  []string
	refused []string
}

// Claims are what the issuer says about a job.
type Claims map[string]any

// NewIssuer serves on a listener.
func NewIssuer(l net.Listener, config *tls.Config) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	i := &Issuer{key: key, jobs: map[string]Claims{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": "https://" + IssuerHost, "jwks_uri": "https://" + IssuerHost + "/.well-known/jwks",
			"subject_types_supported": []string{"public", "pairwise"}, "response_types_supported": []string{"id_token"},
			"id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{"openid"},
			"claims_supported": []string{"sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "repository", "repository_id"},
		})
	})
	mux.HandleFunc("GET /.well-known/jwks", func(w http.ResponseWriter, _ *http.Request) {
		n, e := key.N.Bytes(), big.NewInt(int64(key.E)).Bytes()
		answer(w, map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": keyID,
			"n": base64.RawURLEncoding.EncodeToString(n), "e": base64.RawURLEncoding.EncodeToString(e),
		}}})
	})
	mux.HandleFunc("/request/", i.request)
	i.server = &http.Server{Handler: mux, ErrorLog: stdlog.New(io.Discard, "", 0)}
	go func() { _ = i.server.Serve(tls.NewListener(l, config)) }()
	return i, nil
}

const keyID = "realm-1"

// Close ends it.
func (i *Issuer) Close() { _ = i.server.Close() }

// Admit lets a job ask for tokens with these claims; it gets this environment.
func (i *Issuer) Admit(claims Claims) (env map[string]string, requestToken string) {
	token := Secret("request")
	i.mu.Lock()
	i.jobs[token] = claims
	i.mu.Unlock()
	return map[string]string{
		// GitHub's has a query, too, to which the audience is added.
		"ACTIONS_ID_TOKEN_REQUEST_URL":   "https://" + IssuerHost + "/request/idtoken?api-version=2.0",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": token,
	}, token
}

// Issued returns all tokens that it gave.
func (i *Issuer) Issued() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.issued...)
}

// Refused returns why it gave none.
func (i *Issuer) Refused() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.refused...)
}

// request answers a job.
func (i *Issuer) request(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	query, err := url.ParseQuery(r.URL.RawQuery)
	i.mu.Lock()
	defer i.mu.Unlock()
	claims, known := i.jobs[token]
	refuse := func(status int, format string, args ...any) {
		why := fmt.Sprintf(format, args...)
		i.refused = append(i.refused, why)
		http.Error(w, why, status)
	}
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/request/idtoken":
		refuse(http.StatusNotFound, "%s %s", r.Method, r.URL.Path)
		return
	case !strings.EqualFold(scheme, "bearer") || !known:
		refuse(http.StatusUnauthorized, "no bearer token of a job")
		return
	case err != nil || query.Get("api-version") != "2.0" || len(query["audience"]) != 1 || query.Get("audience") != Audience:
		refuse(http.StatusBadRequest, "query %s", r.URL.RawQuery)
		return
	}
	now := time.Now()
	all := jwt.MapClaims{
		"iss": "https://" + IssuerHost, "aud": Audience, "jti": Secret("jti"),
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	maps.Copy(all, claims)
	unsigned := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	unsigned.Header["kid"] = keyID
	signed, err := unsigned.SignedString(i.key)
	if err != nil {
		refuse(http.StatusInternalServerError, "%v", err)
		return
	}
	i.issued = append(i.issued, signed)
	answer(w, map[string]any{"count": len(signed), "value": signed})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
