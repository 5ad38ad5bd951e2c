package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/dir"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/s3"
	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/credentials"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Place is where a far tier's objects lie, and with whose credentials.
type Place struct {
	Objects objects.Store
	S3      *s3.Store           // nil for a directory
	Chosen  *credentials.Chosen // nil for a directory
}

// OpenPlace opens the place that a setting names. Nothing is asked of the network. class is the trust class, which decides the role.
func OpenPlace(b config.Bucket, class string, getenv func(string) string, now func() time.Time, log *slog.Logger) (Place, error) {
	if b.Kind == config.Directory {
		readOnly, _ := protocol.Bool(getenv("COMPILE_CACHE_READONLY"))
		store, err := dir.Open(b.Dir, dir.Options{ReadOnly: readOnly})
		return Place{Objects: store}, err
	}
	var ca []byte
	if file := b.CA.Value; file != "" {
		var err error
		if ca, err = os.ReadFile(file); err != nil {
			return Place{}, fmt.Errorf("read the certificates of parameter ca: %w", err)
		}
	}
	role := b.Role
	if class == protocol.ClassPR && b.PRRole != "" {
		role = b.PRRole
	}
	chosen, err := credentials.Choose(credentials.Options{
		Provider: b.Credentials, Getenv: getenv, Role: role, Audience: b.Audience, STSEndpoint: b.STSEndpoint.Value, Region: b.Region.Value,
		Profile: b.Profile, AllowedAccount: b.Account, CABundle: ca, Now: now, Log: log,
	})
	if err != nil {
		return Place{}, err
	}
	store, err := s3.Open(s3.Options{
		Bucket: b.Name, Prefix: b.Prefix, Region: b.Region.Value, Endpoint: b.Endpoint.Value, PathStyle: b.PathStyle, CABundle: ca,
		SSE: b.SSE, KMSKey: b.KMSKey, RequesterPays: b.RequesterPays, Checksum: b.Checksum, Credentials: chosen.AWS(), Now: now,
	})
	if err != nil {
		return Place{}, err
	}
	return Place{Objects: store, S3: store, Chosen: chosen}, nil
}

// credentials tells whose credentials are used, why, and until when they are good.
func (p Place) credentials() (provider, why string, expires *time.Time) {
	if p.Chosen == nil {
		return "none", "", nil
	}
	if at := p.Chosen.Expires(); !at.IsZero() {
		expires = &at
	}
	return p.Chosen.Provider, p.Chosen.Why, expires
}
