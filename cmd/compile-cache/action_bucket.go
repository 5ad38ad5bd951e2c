package main

import (
	"net/url"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/config"
	"github.com/compile-cache/compile-cache-action/internal/github"
)

// bucketInputs are the inputs that are parameters of the bucket's URL.
var bucketInputs = []string{"region", "endpoint", "role", "pr-role"}

// readBucket takes what the action's inputs say of buckets into our own environment, where it is read as if it had come from there.
func (a *app) readBucket(input func(string) string) {
	bucket := input("bucket")
	if bucket == "" {
		bucket = a.getenv("COMPILE_CACHE_BUCKET")
	}
	for _, name := range bucketInputs {
		bucket = a.addParameter(bucket, name, input(name))
	}
	for _, v := range []github.Pair{{Name: "COMPILE_CACHE_BUCKET", Value: bucket}, {Name: "COMPILE_CACHE_EDGE", Value: input("edge")}, {Name: "COMPILE_CACHE_PROFILE", Value: input("profile")}} {
		if v.Value != "" {
			a.setenv(v.Name, v.Value)
		}
	}
	if a.getenv("COMPILE_CACHE_PROFILE") != "" || !shares(config.Read(a.getenv)) {
		return
	}
	// Jobs of a matrix have one name, and nothing but an expression in the action tells them apart.
	if name := github.ProfileOf(a.getenv, input("matrix")); name != github.ProfileOf(a.getenv, "") {
		a.setenv("COMPILE_CACHE_PROFILE", name)
	}
}

// addParameter adds a parameter to a bucket's URL, unless that has it already.
func (a *app) addParameter(bucket, name, value string) string {
	if value == "" {
		return bucket
	}
	_, query, asked := strings.Cut(bucket, "?")
	switch {
	case bucket == "":
		a.ui.warningf("input %s: it is ignored, since there is no input bucket", name)
		return bucket
	case !strings.HasPrefix(strings.ToLower(bucket), "s3:"):
		a.ui.warningf("input %s: it is ignored, since the bucket is not s3://...", name)
		return bucket
	case slices.ContainsFunc(strings.Split(query, "&"), func(pair string) bool { return strings.HasPrefix(pair, name+"=") }):
		a.ui.warningf("input %s: it is ignored, since the bucket's URL has a %s", name, name)
		return bucket
	case !asked:
		bucket += "?"
	case query != "":
		bucket += "&"
	}
	// A space is "+" only in forms.
	return bucket + name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// bucketExports returns what later steps are to know of buckets: what was understood, in our own words, so that nothing secret which
// somebody put there by mistake gets into the environment of every step.
func (a *app) bucketExports() []github.Pair {
	c := config.Read(a.getenv)
	var pairs []github.Pair
	for _, b := range []struct {
		name  string
		value config.Bucket
	}{{"COMPILE_CACHE_BUCKET", c.Bucket.Value}, {"COMPILE_CACHE_EDGE", c.Edge.Value}} {
		if a.getenv(b.name) != "" {
			pairs = append(pairs, github.Pair{Name: b.name, Value: b.value.String()})
		}
	}
	if c.Profile.Value != "" {
		pairs = append(pairs, github.Pair{Name: "COMPILE_CACHE_PROFILE", Value: c.Profile.Value})
	}
	return pairs
}
