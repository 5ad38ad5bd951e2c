package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

const regionHeader = "X-Amz-Bucket-Region"

// FindRegion returns the region that requests are for: the one of the options, else, with AWS, that which a HeadBucket names. The
// request bears no credentials, since S3 names the region even in its refusal. It is made once, and again where it failed.
func (s *Store) FindRegion(ctx context.Context) (string, error) {
	if region := s.knownRegion(); region != "" {
		return region, nil
	}
	select {
	case s.finding <- struct{}{}:
		defer func() { <-s.finding }()
	case <-ctx.Done():
		return "", s.failure(ctx, "head", "", ctx.Err())
	}
	if region := s.knownRegion(); region != "" {
		return region, nil
	}
	region := ""
	out, err := s.finder.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.options.Bucket}, func(o *s3.Options) {
		o.Region = "us-east-1"
	})
	if err == nil {
		region = aws.ToString(out.BucketRegion)
	} else if r := errorResponse(err); r != nil {
		region = r.Header.Get(regionHeader)
	}
	if !regionName.MatchString(region) {
		if err == nil {
			err = errors.New("the answer names no region")
		}
		err = s.failure(ctx, "head", "", err)
		if e := (*objects.Error)(nil); errors.As(err, &e) && e.Kind != objects.Absent && e.Kind != objects.Unreachable {
			e.Advice = "the bucket's region cannot be found: set region= in the bucket's URL"
		}
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.region = region
	return region, nil
}

func (s *Store) knownRegion() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.region
}
