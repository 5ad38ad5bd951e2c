package s3

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

const testBucket, testPrefix, accessKey = "acme-ci", "team/cache", "AKIACANARYACCESSKEY1"

// reset ends a connection with a RST, after written.
func reset(written string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		c, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		out.WriteString(written)
		out.Flush()
		if tcp, ok := c.(*net.TCPConn); ok && written == "" {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

// inProcess carries requests to a handler without a network, for tests with a clock of their own.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	w := httptest.NewRecorder()
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	p.ServeHTTP(w, r)
	return w.Result(), nil
}
