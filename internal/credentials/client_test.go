package credentials

import (
	"net/http"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	total := time.Duration(0)
	for try := range 100 {
		d := backoff(try)
		if d < 125*time.Millisecond || d > 8*time.Second {
			t.Errorf("backoff(%d) = %v, want 125ms to 8s", try, d)
		}
		if try < assumeTries-1 {
			total += d
		}
	}
	if total < 15*time.Second || total > exchangeTime {
		t.Errorf("all tries of an exchange wait %v, want 15 s to %v", total, exchangeTime)
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		status int
		header string
		want   time.Duration
	}{
		{429, "3", 3 * time.Second}, {503, "3600", 20 * time.Second}, {429, "soon", 0}, {429, "-5", 0}, {500, "3", 0},
	}
	for _, tt := range tests {
		r := &http.Response{StatusCode: tt.status, Header: http.Header{"Retry-After": {tt.header}}}
		if got := retryAfter(r); got != tt.want {
			t.Errorf("retryAfter(%d, %s) = %v, want %v", tt.status, tt.header, got, tt.want)
		}
	}
	if got := retryAfter(nil); got != 0 {
		t.Errorf("retryAfter(nil) = %v, want 0", got)
	}
}
