package credentials

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseClaims(t *testing.T) {
	got, err := ParseClaims([]byte(mint(claimsOf(1))))
	want := Claims{
		Issuer: "https://token.actions.githubusercontent.com", Subject: subject, Audience: []string{defaultAudience}, Repository: "acme/app",
		RepositoryID: "4711", RepositoryOwnerID: "42", EventName: "pull_request", Expires: time.Unix(1795352400, 0).UTC(),
	}
	if diff := cmp.Diff(got, want); err != nil || diff != "" {
		t.Errorf("ParseClaims() = %v, got-want: %s", err, diff)
	}
	got, err = ParseClaims([]byte(mint(map[string]any{"aud": []string{"a", "b"}, "sub": "x\ny"})))
	if err != nil || strings.Join(got.Audience, " ") != "a b" || got.Subject != "x y" {
		t.Errorf("ParseClaims() = %+v, %v, want audience a b and subject x y", got, err)
	}
	for _, bad := range []string{"", "CANARY", "a.b", "a.CANARY!.c", "a..c", "a." + strings.Repeat("x", maxAnswer) + ".c", mint(map[string]any{"sub": 1})} {
		if _, err := ParseClaims([]byte(bad)); err == nil {
			t.Errorf("ParseClaims(%.20q) = nil, want an error", bad)
		} else {
			checkSafe(t, err.Error())
		}
	}
}

func TestSubjects(t *testing.T) {
	tests := []struct{ subject, want string }{
		{"repo:acme/app:ref:refs/heads/main", "repo:acme/app:ref:refs/heads/main repo:acme@42/app@4711:ref:refs/heads/main"},
		{"repo:acme@42/app@4711:pull_request", "repo:acme@42/app@4711:pull_request repo:acme/app:pull_request"},
		{"repository_id:4711", "repository_id:4711"},
	}
	for _, tt := range tests {
		c := Claims{Subject: tt.subject, Repository: "acme/app", RepositoryID: "4711", RepositoryOwnerID: "42"}
		if got := strings.Join(c.subjects(), " "); got != tt.want {
			t.Errorf("subjects of %s = %s, want %s", tt.subject, got, tt.want)
		}
	}
}

func FuzzParseClaims(f *testing.F) {
	f.Add([]byte(mint(claimsOf(1))))
	f.Add([]byte("a.e30.c"))
	f.Add([]byte("a.bnVsbA.c"))
	f.Fuzz(func(t *testing.T, token []byte) {
		c, err := ParseClaims(token)
		if err != nil {
			return
		}
		condition := strings.TrimPrefix(c.Condition(), `"Condition": `)
		if !json.Valid([]byte(condition)) || strings.ContainsAny(c.advice(roleARN), "\r\n") {
			t.Errorf("claims %+v make the condition %q, want JSON in one line", c, condition)
		}
	})
}

func FuzzTokenOf(f *testing.F) {
	f.Add([]byte(`{"value":"` + mint(claimsOf(1)) + `"}`))
	f.Add([]byte(`{"value":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := tokenOf(body)
		if (token == "") == (err == nil) {
			t.Errorf("tokenOf(%q) = %q, %v, want one of them", body, token, err)
		}
	})
}

func FuzzSafe(f *testing.F) {
	f.Add("a CANARY-secret-1 b\n\x1b[31m", "CANARY-secret-1")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := safe(text, secret)
		if len(got) > maxText+10 || strings.ContainsAny(got, "\r\n\x1b") {
			t.Errorf("safe(%q) = %q, want one short line", text, got)
		}
		if len(secret) >= 8 && !strings.Contains("[secret] [an answer that holds keys] ...", secret) && strings.Contains(got, secret) {
			t.Errorf("safe(%q) = %q, which holds %q", text, got, secret)
		}
	})
}
