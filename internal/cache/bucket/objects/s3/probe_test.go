package s3

import (
	"errors"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
)

// What doctor probes with does what the store itself never does, where it is allowed, and tells of a refusal as of any other.
func TestProbes(t *testing.T) {
	for name, change := range map[string]func(o *Options){
		"signed":    func(*Options) {},
		"anonymous": func(o *Options) { o.Credentials = nil },
	} {
		t.Run(name, func(t *testing.T) {
			srv, s := start(t, change)
			srv.Probes = true
			if _, err := objectstest.Put(t.Context(), s, "v1/a", "old"); err != nil {
				t.Fatal(err)
			}
			if err := s.ProbeOverwrite(t.Context(), "v1/a", []byte("new")); err != nil {
				t.Errorf("ProbeOverwrite = %v, want nil", err)
			}
			if got, err := objectstest.Read(t.Context(), s, "v1/a", 0, -1); got != "new" || err != nil {
				t.Errorf("the object is %q, %v; want new", got, err)
			}
			if err := s.ProbeDelete(t.Context(), "v1/a"); err != nil {
				t.Errorf("ProbeDelete = %v, want nil", err)
			}
			if got := srv.Names(); len(got) != 0 {
				t.Errorf("the bucket holds %q, want nothing", got)
			}
			srv.Allow = func(string, string) bool { return false }
			for op, err := range map[string]error{
				"put": s.ProbeOverwrite(t.Context(), "v1/a", nil), "delete": s.ProbeDelete(t.Context(), "v1/a"),
			} {
				var e *objects.Error
				if !errors.As(err, &e) || e.Kind != objects.Denied || e.Operation != op || e.RequestID == "" {
					t.Errorf("refused %s = %v, want denied with a request id", op, err)
				}
			}
			before := len(srv.Requests())
			if s.ProbeOverwrite(t.Context(), "../x", nil) == nil || s.ProbeDelete(t.Context(), "../x") == nil || len(srv.Requests()) != before {
				t.Errorf("a name that is none was asked for")
			}
		})
	}
}

func TestARN(t *testing.T) {
	for _, tt := range []struct{ region, name, want string }{
		{"eu-west-1", "v1/a/*", "arn:aws:s3:::acme-ci/team/cache/v1/a/*"},
		{"cn-north-1", "v1/a", "arn:aws-cn:s3:::acme-ci/team/cache/v1/a"},
		{"us-gov-west-1", "", "arn:aws-us-gov:s3:::acme-ci"},
	} {
		_, s := start(t, func(o *Options) { o.Region = tt.region })
		if got := s.ARN(tt.name); got != tt.want {
			t.Errorf("ARN(%q) in %s = %s, want %s", tt.name, tt.region, got, tt.want)
		}
	}
	_, s := start(t, func(o *Options) { o.Prefix = "" })
	if got := s.ARN("*"); !strings.HasSuffix(got, ":acme-ci/*") {
		t.Errorf("ARN(*) without a prefix = %s, want acme-ci/*", got)
	}
}
