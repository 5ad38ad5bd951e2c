package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// fakeIMDS is the metadata service in version 2: what comes without a session token is refused.
type fakeIMDS struct {
	requests
	clock *clock
	v1    requests
	plans map[string]http.HandlerFunc // by path
}

func (f *fakeIMDS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.next()
	if planned := f.plans[r.URL.Path]; planned != nil {
		planned(w, r)
		return
	}
	const token, list = "/latest/api/token", "/latest/meta-data/iam/security-credentials/"
	switch {
	case r.Method == http.MethodPut && r.URL.Path == token:
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		io.WriteString(w, "CANARY-metadata-token")
	case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "CANARY-metadata-token":
		f.v1.next()
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == list:
		io.WriteString(w, "runner")
	case r.URL.Path == list+"runner":
		fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"ASIAEC2%d","SecretAccessKey":"CANARY-ec2-secret","Token":"CANARY-ec2-session","Expiration":%q}`,
			f.count(), f.clock.Now().Add(6*time.Hour).Format(time.RFC3339))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// instance is an EC2 instance with nothing else.
func instance(t *testing.T, url string) *world {
	return bare(t).with("AWS_EC2_METADATA_DISABLED", "", "AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
}

func TestIMDS(t *testing.T) {
	imds := &fakeIMDS{clock: newClock()}
	w := instance(t, serve(t, imds))
	w.clock = imds.clock
	c := w.choose(w.options())
	if imds.count() != 0 {
		t.Errorf("Choose() made %d requests, want none", imds.count())
	}
	for range 3 {
		if got := key(t, c); got != "ASIAEC23" {
			t.Errorf("key = %s, want ASIAEC23 of the third request", got)
		}
	}
	if imds.count() != 3 || imds.v1.count() != 0 {
		t.Errorf("got %d requests, %d of them of version 1, want 3 and 0", imds.count(), imds.v1.count())
	}
	// The default address, over a connection that goes elsewhere.
	w = bare(t).with("AWS_EC2_METADATA_DISABLED", "")
	o := w.options()
	o.seams.dial = dialTo(serve(t, imds))
	key(t, w.choose(o))
}

func TestIMDSFailures(t *testing.T) {
	const token, list = "/latest/api/token", "/latest/meta-data/iam/security-credentials/"
	tests := []struct {
		name, path string
		answer     http.HandlerFunc
		want       []string
		requests   int
	}{
		{"turned off", token, status(403, ""), []string{"status 403", "turned off"}, 1},
		{"another cloud", token, status(405, ""), []string{"status 405", "no metadata service of EC2"}, 1},
		{"no role", list, status(404, ""), []string{"status 404", "no role", "attach an instance profile"}, 2},
		{"session token refused", list, status(401, ""), []string{"status 401", "does not accept the session token"}, 2},
		{"down", token, status(503, ""), []string{"status 503"}, localTries},
		{"null", list + "runner", status(200, "null"), []string{"get instance credentials"}, 3},
		{"no JSON", list + "runner", status(200, "CANARY"), []string{"get instance credentials"}, 3},
		{"endless", list + "runner", endless, []string{"longer than"}, 3},
		{"echo", list, echo, []string{"status 400"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			imds := &fakeIMDS{clock: newClock(), plans: map[string]http.HandlerFunc{tt.path: tt.answer}}
			w := instance(t, serve(t, imds))
			c := w.choose(w.options())
			_, err := c.Check(t.Context())
			wantIn(t, "Check()", fault(t, err).Error(), append(tt.want, "no other provider applies: github-oidc: ")...)
			first := imds.count()
			_, err = c.Check(t.Context())
			fault(t, err)
			if first < tt.requests || imds.count() != first || imds.v1.count() != 0 {
				t.Errorf("got %d requests, then %d more, %d of version 1; want at least %d, 0, 0", first, imds.count()-first, imds.v1.count(), tt.requests)
			}
		})
	}
}

// TestNoIMDS is any machine but an EC2 instance. The reason that people can act on comes first.
func TestNoIMDS(t *testing.T) {
	w := newWorld(t).with("AWS_EC2_METADATA_DISABLED", "", "ACTIONS_ID_TOKEN_REQUEST_URL", "")
	dials := &requests{}
	o := w.options()
	o.seams.dial = func(context.Context, string, string) (net.Conn, error) {
		dials.next()
		return nil, errors.New("no route to host")
	}
	c := w.choose(o)
	_, err := c.AWS().Retrieve(t.Context())
	wantIn(t, "Retrieve()", fault(t, err).Error(), "nothing answers there", `; add "permissions: id-token: write"`, "this machine is no EC2 instance")
	first := dials.count()
	for range 3 {
		w.clock.advance(time.Hour)
		if _, err := c.AWS().Retrieve(t.Context()); err == nil {
			t.Error("Retrieve() = nil, want the error that is remembered")
		}
	}
	if first == 0 || dials.count() != first {
		t.Errorf("got %d connections, then %d more, want some and none", first, dials.count()-first)
	}
}

// TestBlackHole is a metadata service that takes connections and never answers: the time ends when the request has arrived.
func TestBlackHole(t *testing.T) {
	tests := []struct {
		name, path string
		answer     func(http.ResponseWriter, *http.Request)
		want       string
	}{
		{"hop limit", "/latest/api/token", nil, "http-put-response-hop-limit 2"},
		{"stall", "/latest/meta-data/iam/security-credentials/", nil, "no credentials in time"},
		{"a byte and no more", "/latest/meta-data/iam/security-credentials/runner", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "{")
			w.(http.Flusher).Flush()
		}, "get instance credentials"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arrived, limits := make(chan struct{}, 10), make(chan time.Duration, 10)
			imds := &fakeIMDS{clock: newClock()}
			imds.plans = map[string]http.HandlerFunc{tt.path: func(w http.ResponseWriter, r *http.Request) {
				if tt.answer != nil {
					tt.answer(w, r)
				}
				arrived <- struct{}{}
				<-r.Context().Done()
			}}
			w := instance(t, serve(t, imds))
			o := w.options()
			o.seams.limit = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
				limits <- d
				ctx, cancel := context.WithCancel(ctx)
				go func() {
					select {
					case <-arrived:
					case <-ctx.Done():
					}
					cancel()
				}()
				return ctx, cancel
			}
			c := w.choose(o)
			_, err := c.AWS().Retrieve(t.Context())
			wantIn(t, "Retrieve()", fault(t, err).Error(), tt.want)
			before := imds.count()
			w.clock.advance(time.Hour)
			if _, err := c.Check(t.Context()); err == nil {
				t.Error("Check() = nil, want the error that is remembered")
			}
			if d := <-limits; d != probeTime || len(limits) != 0 || imds.count() != before || before == 0 {
				t.Errorf("asked for %v, %d times more, with %d requests and then %d; want %v once", d, len(limits), before, imds.count()-before, probeTime)
			}
		})
	}
}
