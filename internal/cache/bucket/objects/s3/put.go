package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// conditionalConflict is the code, with status 409, of a conditional put that met another one of the same name.
const conditionalConflict = "ConditionalRequestConflict"

// Put implements objects.Store.
func (s *Store) Put(ctx context.Context, name string, in io.ReadSeeker, size int64, sum [32]byte) (objects.Stored, error) {
	if err := objects.CheckName(name); err != nil {
		return objects.Stored{}, s.refuse("put", "", "InvalidName", "%v", err)
	}
	if err := ctx.Err(); err != nil {
		return objects.Stored{}, s.failure(ctx, "put", name, err)
	}
	source := &source{in: in}
	if err := s.checkBody(source, name, size, sum); err != nil {
		return objects.Stored{}, err
	}
	options, err := s.request(ctx)
	if err != nil {
		return objects.Stored{}, err
	}
	key := s.key(name)
	put := &s3.PutObjectInput{
		Bucket: &s.options.Bucket, Key: &key, Body: source, ContentLength: &size, ContentType: aws.String("application/octet-stream"),
		IfNoneMatch: aws.String("*"), RequestPayer: s.payer(), ServerSideEncryption: types.ServerSideEncryption(s.options.SSE),
	}
	if s.options.KMSKey != "" {
		put.SSEKMSKeyId = &s.options.KMSKey
	}
	if s.options.Checksum == "when_supported" {
		put.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
	}
	out, err := s.client.PutObject(ctx, put, options, signedAs(sum))
	if err == nil {
		if aws.ToString(out.ETag) == "" {
			return objects.Stored{}, s.refuse("put", name, "NoETag", "the answer has no ETag, so it is not that of a store")
		}
		return objects.Stored{Time: s.date(response(out.ResultMetadata).Header)}, nil
	}
	r := errorResponse(err)
	switch {
	case source.err != nil:
		return objects.Stored{}, fmt.Errorf("put %s/%s: read the body: %w", s, name, source.err)
	case r != nil && r.StatusCode == http.StatusPreconditionFailed:
		return objects.Stored{Time: s.date(r.Header), Existed: true}, nil
	}
	failed := s.failure(ctx, "put", name, err)
	if e := (*objects.Error)(nil); errors.As(failed, &e) && e.Code == conditionalConflict {
		// Another put of this name was under way each time. Whether it came to its end is not known yet.
		if _, err := s.nothing(ctx, name, 0); err == nil {
			return objects.Stored{Time: s.date(r.Header), Existed: true}, nil
		}
	}
	return objects.Stored{}, failed
}

// signedAs has a request signed as one whose body has that sum, so that nothing has to read it before.
func signedAs(sum [32]byte) func(*s3.Options) {
	set := middleware.InitializeMiddlewareFunc("KnownPayloadHash", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
	})
	return func(o *s3.Options) {
		o.APIOptions = append(slices.Clip(o.APIOptions), func(stack *middleware.Stack) error {
			return stack.Initialize.Add(set, middleware.Before)
		})
	}
}

// checkBody refuses a body of another size, and, where no signature binds it, of another sum. It ends at the start.
func (s *Store) checkBody(source *source, name string, size int64, sum [32]byte) error {
	end, err := source.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = source.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("put %s/%s: read the body: %w", s, name, err)
	}
	same := end == size
	if same && s.anonymous {
		hash := sha256.New()
		if _, err := io.Copy(hash, source); err != nil {
			return fmt.Errorf("put %s/%s: read the body: %w", s, name, err)
		}
		if _, err := source.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("put %s/%s: read the body: %w", s, name, err)
		}
		same = [32]byte(hash.Sum(nil)) == sum
	}
	if !same {
		return s.refuse("put", name, "BadDigest", "the body is not what its size and sum say")
	}
	return nil
}

// source remembers the failure of a body, which is not the service's.
type source struct {
	in  io.ReadSeeker
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.in.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *source) Seek(offset int64, whence int) (int64, error) { return s.in.Seek(offset, whence) }
