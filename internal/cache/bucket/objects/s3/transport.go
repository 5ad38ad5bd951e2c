package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"
)

// maxAnswer bounds answers other than objects: 1000 keys of 1024 bytes, five times over for what XML makes of them, fit.
const maxAnswer = 8 << 20

// doer returns what carries requests.
func (o *Options) doer() (httpDoer, error) {
	client := http.Client{}
	if o.HTTPClient != nil {
		client = *o.HTTPClient
	} else {
		roots, err := o.roots()
		if err != nil {
			return nil, err
		}
		client.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  15 * time.Second,
			ExpectContinueTimeout:  time.Second,
			IdleConnTimeout:        90 * time.Second,
			MaxIdleConns:           32,
			MaxIdleConnsPerHost:    16,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		}
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return carefulDoer{&client}, nil
}

// roots are the certificates of authorities; nil: the system's.
func (o *Options) roots() (*x509.CertPool, error) {
	if len(o.CABundle) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(o.CABundle) {
		return nil, errors.New("ca: the file holds no certificate in PEM")
	}
	return pool, nil
}

// carefulDoer refuses what the SDK would take.
type carefulDoer struct{ client *http.Client }

func (d carefulDoer) Do(r *http.Request) (*http.Response, error) {
	resp, err := d.client.Do(r)
	if err != nil {
		return resp, err
	}
	// A service's wish to be asked later is not heard: the caller's breaker is better informed, and waits less.
	resp.Header.Del("X-Amz-Retry-After")
	ok := resp.StatusCode >= 200 && resp.StatusCode < 300
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); ok && kind == "text/html" {
		resp.Body.Close()
		return nil, &pageError{status: resp.StatusCode}
	}
	if object := ok && r.Method == http.MethodGet && !r.URL.Query().Has("list-type"); !object {
		resp.Body = &boundedBody{resp.Body, maxAnswer}
	}
	return resp, nil
}

// pageError is an HTML page with a status of success.
type pageError struct{ status int }

func (e *pageError) Error() string {
	return fmt.Sprintf("the answer, with status %d, is an HTML page", e.status)
}

// RetryableError tells the SDK that the next answer will be no better.
func (e *pageError) RetryableError() bool { return false }

// boundedBody fails where an answer is longer than any can be.
type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
