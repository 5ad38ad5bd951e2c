package credentials

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTokenFileIsReadEachTime(t *testing.T) {
	w := bare(t)
	file := filepath.Join(t.TempDir(), "token")
	w.with("AWS_ROLE_ARN", roleARN, "AWS_WEB_IDENTITY_TOKEN_FILE", file)
	c := w.choose(w.options())
	_, err := c.AWS().Retrieve(t.Context())
	if e := fault(t, err); !errors.Is(e, os.ErrNotExist) || e.Endpoint != file {
		t.Errorf("Retrieve() without the file = %v, want it to name %s", e, file)
	}
	for n := 1; n <= 2; n++ {
		// The fake refuses a token that it has seen.
		if err := os.WriteFile(file, []byte(mint(claimsOf(n))+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := c.Check(t.Context())
		if err != nil || id.Account != account {
			t.Fatalf("Check() after rotation %d = %+v, %v, want account %s", n, id, err, account)
		}
	}
	_, err = c.Check(t.Context())
	wantIn(t, "Check() of a token that was not rotated", fault(t, err).Error(), "ExpiredTokenException", "has to renew it")
	for text, want := range map[string]string{" \n": "empty", strings.Repeat("x", maxAnswer+1): "longer than"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = c.Check(t.Context())
		wantIn(t, "Check()", fault(t, err).Error(), want)
	}
}

// TestCertificates asks an STS whose certificate only the bundle knows.
func TestCertificates(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewUnstartedServer(w.sts)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake that we want to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	o := w.options()
	o.STSEndpoint = server.URL
	e := w.failing(o)
	if e.Temporary {
		t.Errorf("got the temporary error %v, want a lasting one", e)
	}
	wantIn(t, "error", e.Error(), "certificate")
	o.CABundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	key(t, w.choose(o))
}

func TestEndOfContext(t *testing.T) {
	w := newWorld(t)
	c := w.choose(w.options())
	ctx, cancel := context.WithCancel(t.Context())
	w.github.plan = []http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done() // until Close
	}}
	_, err := c.AWS().Retrieve(ctx)
	if e := fault(t, err); !errors.Is(e, context.Canceled) || !e.Temporary {
		t.Errorf("Retrieve() = %v, want a temporary end of the context", e)
	}
	c.Close()
	_, err = c.AWS().Retrieve(t.Context())
	if !errors.Is(fault(t, err), errClosed) {
		t.Errorf("Retrieve() after Close = %v, want %v", err, errClosed)
	}
	_, err = c.Check(t.Context())
	fault(t, err)
}
