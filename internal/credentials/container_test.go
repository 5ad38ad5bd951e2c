package credentials

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// fakeECS gives credentials to who has the token.
type fakeECS struct {
	requests
	clock *clock
	token string
}

func (f *fakeECS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if planned := f.next(); planned != nil {
		planned(w, r)
		return
	}
	if r.Header.Get("Authorization") != f.token || r.URL.Path != "/v2/creds" {
		w.Header().Set("Content-Type", "application/json")
		status(http.StatusUnauthorized, `{"code":"AccessDenied","message":"no such token"}`)(w, r)
		return
	}
	fmt.Fprintf(w, `{"AccessKeyId":"ASIAPOD%d","SecretAccessKey":"CANARY-pod-secret","Token":"CANARY-pod-session","AccountId":%q,"Expiration":%q}`,
		f.count(), account, f.clock.Now().Add(20*time.Minute).Format(time.RFC3339))
}

func TestContainer(t *testing.T) {
	w := bare(t)
	ecs := &fakeECS{clock: w.clock, token: podToken}
	url := serve(t, ecs)
	file := filepath.Join(t.TempDir(), "token")
	w.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", url+"/v2/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "CANARY-wrong", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
	c := w.choose(w.options())
	if err := os.WriteFile(file, []byte(podToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := key(t, c); got != "ASIAPOD1" {
		t.Errorf("key = %s, want ASIAPOD1", got)
	}
	ecs.token = "CANARY-rotated-token"
	if err := os.WriteFile(file, []byte(ecs.token), 0o600); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(16 * time.Minute)
	if _, err := c.Check(t.Context()); err != nil {
		t.Errorf("Check() with a rotated token = %v, want credentials", err)
	}
	if got := key(t, c); got != "ASIAPOD2" {
		t.Errorf("key = %s, want ASIAPOD2", got)
	}
	if err := os.WriteFile(file, []byte("CANARY\nCANARY"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := c.Check(t.Context())
	wantIn(t, "Check()", fault(t, err).Error(), "more than one line")

	// The relative form is an address that only ECS has.
	w = bare(t).with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN", ecs.token)
	o := w.options()
	o.seams.dial = dialTo(url)
	if got := key(t, w.choose(o)); got != "ASIAPOD3" {
		t.Errorf("key = %s, want ASIAPOD3", got)
	}
}

func TestContainerFailures(t *testing.T) {
	const keysInside = `{"AccessKeyId":"CANARYKEY","SecretAccessKey":"CANARY-pod-secret","Token":"CANARY"}`
	tests := []struct {
		name, want string
		answer     http.HandlerFunc
		requests   int
	}{
		{"token refused", "refuses the authorization token", nil, 1},
		{"down", "status 503", status(503, "later"), localTries},
		{"null", "its reader fail", status(200, "null"), 1},
		{"empty", "no complete credentials", status(200, "{}"), 1},
		{"no JSON", "get container credentials", status(400, keysInside), 1},
		{"cut", "get container credentials", cut, localTries},
		{"redirected", "status 302", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/v2/creds", http.StatusFound) }, 1},
		{"endless", "longer than", endless, 1},
		{"echo", "status 400", echo, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := bare(t)
			ecs := &fakeECS{clock: w.clock, token: podToken}
			if tt.answer != nil {
				ecs.plan = always(tt.answer)
			}
			w.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", serve(t, ecs)+"/v2/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "CANARY-wrong-token")
			wantIn(t, "error", w.failing(w.options()).Error(), tt.want)
			if ecs.count() != tt.requests {
				t.Errorf("got %d requests, want %d", ecs.count(), tt.requests)
			}
		})
	}
}

// TestDeadContainer asks an endpoint that is not there, once.
func TestDeadContainer(t *testing.T) {
	w := bare(t).with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds")
	dials := &requests{}
	o := w.options()
	o.seams.dial = func(context.Context, string, string) (net.Conn, error) {
		dials.next()
		return nil, errors.New("no route to host")
	}
	c := w.choose(o)
	for range 2 {
		_, err := c.Check(t.Context())
		wantIn(t, "Check()", fault(t, err).Error(), "no route to host", "not asked again")
	}
	if dials.count() != localTries {
		t.Errorf("got %d connections, want the %d of the first question", dials.count(), localTries)
	}
}
