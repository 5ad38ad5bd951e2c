package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// What follows is for "compile-cache doctor iam" alone, which tries what no policy should allow. The cache itself never replaces an
// object and never deletes one.

// ProbeOverwrite puts an object without If-None-Match, so that it takes the place of one that has the name. Nil means that it did.
func (s *Store) ProbeOverwrite(ctx context.Context, name string, body []byte) error {
	options, err := s.probe(ctx, "put", name)
	if err != nil {
		return err
	}
	sum, key, size := sha256.Sum256(body), s.key(name), int64(len(body))
	put := &s3.PutObjectInput{
		Bucket: &s.options.Bucket, Key: &key, Body: bytes.NewReader(body), ContentLength: &size, ContentType: aws.String("application/octet-stream"),
		RequestPayer: s.payer(), ServerSideEncryption: types.ServerSideEncryption(s.options.SSE),
	}
	if s.options.KMSKey != "" {
		put.SSEKMSKeyId = &s.options.KMSKey
	}
	if _, err := s.client.PutObject(ctx, put, options, signedAs(sum)); err != nil {
		return s.failure(ctx, "put", name, err)
	}
	return nil
}

// ProbeDelete deletes an object. Nil means that the service took the request, also where there was no such object.
func (s *Store) ProbeDelete(ctx context.Context, name string) error {
	options, err := s.probe(ctx, "delete", name)
	if err != nil {
		return err
	}
	key := s.key(name)
	if _, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.options.Bucket, Key: &key, RequestPayer: s.payer()}, options); err != nil {
		return s.failure(ctx, "delete", name, err)
	}
	return nil
}

func (s *Store) probe(ctx context.Context, operation, name string) (func(*s3.Options), error) {
	if err := objects.CheckName(name); err != nil {
		return nil, s.refuse(operation, "", "InvalidName", "%v", err)
	}
	return s.request(ctx)
}

// ARN returns how policies name an object, or, with a "*" in name, many; "" is the bucket.
func (s *Store) ARN(name string) string {
	partition := "aws"
	switch region := s.knownRegion(); {
	case strings.HasPrefix(region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		partition = "aws-us-gov"
	}
	resource := "arn:" + partition + ":s3:::" + s.options.Bucket
	if name == "" {
		return resource
	}
	return resource + "/" + s.key(name)
}
