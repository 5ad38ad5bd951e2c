//go:build linux

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/s3/s3test"
)

// s3 NAME ACCESS-KEY
//
// starts a service with an empty bucket acme-ci that knows one access key, and puts its URL into a variable.
func cmdS3(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: s3 NAME ACCESS-KEY")
	}
	server := &s3test.Server{Bucket: "acme-ci", AccessKey: args[1], Probes: true}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential="+args[1]+"/") {
			s3test.AnswerError(w, http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
			return
		}
		server.ServeHTTP(w, r)
	}))
	ts.Defer(web.Close)
	ts.Setenv(args[0], web.URL)
}
