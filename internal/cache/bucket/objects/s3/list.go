package s3

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// maxForeignPages bounds the pages in a row that hold only keys which are no names of ours.
const maxForeignPages = 4

// List implements objects.Store. It is one request, unless a page holds nothing but keys that are no names of ours.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (objects.Listing, error) {
	if err := objects.CheckList(prefix, after, limit); err != nil {
		return objects.Listing{}, s.refuse("list", "", "InvalidName", "%v", err)
	}
	options, err := s.request(ctx)
	if err != nil {
		return objects.Listing{}, err
	}
	begin := s.options.Now()
	startAfter := ""
	if after != "" {
		startAfter = s.key(after)
	}
	for range maxForeignPages {
		in := &s3.ListObjectsV2Input{
			Bucket: &s.options.Bucket, Prefix: aws.String(s.key(prefix)), MaxKeys: aws.Int32(int32(limit)), RequestPayer: s.payer(),
		}
		if startAfter != "" {
			in.StartAfter = &startAfter
		}
		out, err := s.client.ListObjectsV2(ctx, in, options)
		if err != nil {
			return objects.Listing{}, s.failure(ctx, "list", prefix, err)
		}
		l, last, err := s.page(out, prefix, startAfter, limit)
		if err != nil {
			return objects.Listing{}, s.refuse("list", prefix, "WrongList", "%v", err)
		}
		if len(l.Objects) > 0 || !l.More {
			l.Time = s.date(response(out.ResultMetadata).Header).Add(-max(0, s.options.Now().Sub(begin)))
			return l, nil
		}
		startAfter = last
	}
	return objects.Listing{}, s.refuse("list", prefix, "ForeignKeys", "%d pages of keys that are not ours", maxForeignPages)
}

// page checks an answer and returns what is ours of it, with the last key.
func (s *Store) page(out *s3.ListObjectsV2Output, prefix, startAfter string, limit int) (l objects.Listing, last string, err error) {
	if aws.ToString(out.Name) == "" {
		return l, "", fmt.Errorf("the answer names no bucket, so it is not that of a store")
	}
	if len(out.Contents) > limit {
		return l, "", fmt.Errorf("%d keys, asked for %d", len(out.Contents), limit)
	}
	l.More, last = aws.ToBool(out.IsTruncated), startAfter
	for _, o := range out.Contents {
		key, size := aws.ToString(o.Key), aws.ToInt64(o.Size)
		switch {
		case key <= last:
			return l, "", fmt.Errorf("key %.100q after %.100q: not in the order of bytes", key, last)
		case !strings.HasPrefix(key, s.key(prefix)):
			return l, "", fmt.Errorf("key %.100q, asked for %.100q", key, s.key(prefix))
		case size < 0:
			return l, "", fmt.Errorf("key %.100q has a size of %d", key, size)
		}
		last = key
		name := strings.TrimPrefix(key, s.key(""))
		if objects.CheckName(name) == nil { // what is no name of ours was put by somebody's tool
			l.Objects = append(l.Objects, objects.Object{Name: name, Size: size})
		}
	}
	if l.More && len(out.Contents) == 0 {
		return l, "", fmt.Errorf("the answer holds no key and says that there are more")
	}
	return l, last, nil
}
