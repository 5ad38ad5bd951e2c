package credentials

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync/atomic"
	"time"
)

const (
	// maxAnswer bounds what a service may answer, in bytes. An identity token has 2 KiB, an answer of STS 4.
	maxAnswer = 64 << 10
	// exchangeTime bounds an exchange with all its retries: STS and GitHub's issuer fail for tens of seconds when a large matrix
	// starts (aws-actions/configure-aws-credentials#299, aws/aws-cli#7194), and later the job goes on without a cache.
	exchangeTime = time.Minute
	// requestTime bounds one request of an exchange.
	requestTime = 15 * time.Second
	// connectTime bounds the way to a metadata service, which is on this machine.
	connectTime = time.Second
)

var errTooLong = fmt.Errorf("answer longer than %d bytes", maxAnswer)

// seams are what tests put in the place of time and of addresses that only exist in a cloud.
type seams struct {
	backoff func(try int) time.Duration
	limit   func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	dial    func(ctx context.Context, network, address string) (net.Conn, error) // to metadata services
}

// backoff is how long to wait after a try, the first being 0: 250 ms doubled up to 8 s, of which a random half to all, so that the
// jobs of a matrix part.
func backoff(try int) time.Duration {
	whole := min(250*time.Millisecond<<min(try, 5), 8*time.Second)
	return whole/2 + rand.N(whole/2)
}

// pause waits, and reports whether it was to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// localTries is how often a metadata service is asked that answers "later".
const localTries = 3

// again calls f until it succeeds or fails for good (retry is false), has been called tries times, or ctx ends. It returns the last
// failure that was not the end of ctx, if there was one: that is what the time was lost to.
func (s *setup) again(ctx context.Context, tries int, f func(context.Context) (g grant, retry bool, e *Error)) (grant, *Error) {
	var last *Error
	for try := 0; ; try++ {
		g, retry, e := f(ctx)
		if e == nil {
			return g, nil
		}
		if last == nil || ctx.Err() == nil {
			last = e
		}
		if !retry || try+1 >= tries || ctx.Err() != nil {
			return grant{}, last
		}
		if noted, ok := ctx.Value(attempts{}).(*atomic.Pointer[Error]); ok {
			noted.Store(e)
		}
		s.Log.Debug("credentials: try again", "error", e.Error())
		if !pause(ctx, s.seams.backoff(try)) {
			return grant{}, last
		}
	}
}

// whileTemporary makes again repeat what is temporary.
func whileTemporary(f func(context.Context) (grant, *Error)) func(context.Context) (grant, bool, *Error) {
	return func(ctx context.Context) (grant, bool, *Error) {
		g, e := f(ctx)
		return g, e != nil && e.Temporary, e
	}
}

// newClients makes the client for services on the network, and the one for metadata services, which are never behind a proxy.
func newClients(o Options) (services, metadata *http.Client, err error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	bundle := o.CABundle
	if name := o.Getenv("AWS_CA_BUNDLE"); bundle == nil && name != "" {
		if bundle, err = os.ReadFile(name); err != nil {
			return nil, nil, fmt.Errorf("AWS_CA_BUNDLE: %w", err)
		}
	}
	if bundle != nil {
		if secure.RootCAs, err = x509.SystemCertPool(); err != nil {
			secure.RootCAs = x509.NewCertPool()
		}
		if !secure.RootCAs.AppendCertsFromPEM(bundle) {
			return nil, nil, errors.New("the CA bundle has no certificate in PEM")
		}
	}
	services = &http.Client{}
	if o.HTTPClient != nil {
		*services = *o.HTTPClient
	} else {
		services.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, ForceAttemptHTTP2: true,
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second,
			IdleConnTimeout: 30 * time.Second,
		}
	}
	if services.Timeout == 0 {
		services.Timeout = requestTime
	}
	dial := o.seams.dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: connectTime}).DialContext
	}
	metadata = &http.Client{Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: secure, TLSHandshakeTimeout: connectTime, IdleConnTimeout: 10 * time.Second,
	}}
	for _, c := range []*http.Client{services, metadata} {
		// A redirection would carry a token to where nobody has chosen to send it.
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c.Transport = bounded{c.Transport}
	}
	return services, metadata, nil
}

// bounded bounds the bodies of answers.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	response, err := next.RoundTrip(r)
	if err == nil {
		response.Body = &boundedBody{ReadCloser: response.Body, left: maxAnswer}
	}
	return response, err
}

// CloseIdleConnections lets http.Client reach what it wraps.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// checkURL says why a URL may not be asked: what is sent there is a secret, so it is https, or http to this machine or to one of allowed.
func checkURL(text string, allowed ...netip.Addr) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("it is no URL") // the parser's error quotes it, and a URL may hold a password
	}
	host := u.Hostname()
	switch {
	case host == "":
		return errors.New("it names no host")
	case u.User != nil:
		return errors.New("it holds a user's name")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("its scheme is %q, want https", safe(u.Scheme))
	case host == "localhost":
		return nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("plain http to %s, want https", safe(host))
	}
	if ip = ip.Unmap(); ip.IsLoopback() {
		return nil
	}
	for _, a := range allowed {
		if ip == a {
			return nil
		}
	}
	return fmt.Errorf("plain http to %s, want https", ip)
}

// place returns a URL without its query, for people.
func place(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// isCertificate reports whether a server was not the one that its certificate should prove.
func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification)
}
