package credentials

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Claims are what an identity token says of its bearer. They are not verified here: they are shown, and never decided upon.
type Claims struct {
	Issuer            string    `json:"issuer"`
	Subject           string    `json:"subject"`
	Audience          []string  `json:"audience"`
	Expires           time.Time `json:"expires"`
	Repository        string    `json:"repository,omitempty"`
	RepositoryID      string    `json:"repository_id,omitempty"`
	RepositoryOwnerID string    `json:"repository_owner_id,omitempty"`
	Ref               string    `json:"ref,omitempty"`
	EventName         string    `json:"event_name,omitempty"`
	JobWorkflowRef    string    `json:"job_workflow_ref,omitempty"`
	Environment       string    `json:"environment,omitempty"`
}

// ParseClaims decodes an identity token (JWT) without verifying it. Its errors hold nothing of the token.
func ParseClaims(token []byte) (Claims, error) {
	if len(token) > maxAnswer {
		return Claims{}, errTooLong
	}
	parts := bytes.Split(token, []byte("."))
	if len(parts) != 3 || len(parts[0]) == 0 || len(parts[1]) == 0 {
		return Claims{}, errors.New("it has not the three parts of an identity token")
	}
	payload := make([]byte, base64.RawURLEncoding.DecodedLen(len(parts[1])))
	n, err := base64.RawURLEncoding.Decode(payload, parts[1])
	if err != nil {
		return Claims{}, errors.New("its second part is not base64")
	}
	var raw struct {
		Issuer            string          `json:"iss"`
		Subject           string          `json:"sub"`
		Audience          json.RawMessage `json:"aud"`
		Expires           float64         `json:"exp"`
		Repository        string          `json:"repository"`
		RepositoryID      string          `json:"repository_id"`
		RepositoryOwnerID string          `json:"repository_owner_id"`
		Ref               string          `json:"ref"`
		EventName         string          `json:"event_name"`
		JobWorkflowRef    string          `json:"job_workflow_ref"`
		Environment       string          `json:"environment"`
	}
	if err := json.Unmarshal(payload[:n], &raw); err != nil {
		return Claims{}, errors.New("its claims are no JSON of the expected kind")
	}
	c := Claims{
		Issuer: safe(raw.Issuer), Subject: safe(raw.Subject), Repository: safe(raw.Repository), RepositoryID: safe(raw.RepositoryID),
		RepositoryOwnerID: safe(raw.RepositoryOwnerID), Ref: safe(raw.Ref), EventName: safe(raw.EventName),
		JobWorkflowRef: safe(raw.JobWorkflowRef), Environment: safe(raw.Environment),
	}
	if raw.Expires > 0 && raw.Expires < 1e11 {
		c.Expires = time.Unix(int64(raw.Expires), 0).UTC()
	}
	var one string
	if json.Unmarshal(raw.Audience, &one) == nil {
		c.Audience = []string{safe(one)}
	} else if json.Unmarshal(raw.Audience, &c.Audience) == nil {
		for i := range c.Audience {
			c.Audience[i] = safe(c.Audience[i])
		}
	}
	return c, nil
}

// Condition returns the condition by which a role's trust policy accepts exactly such tokens, as JSON in one line.
func (c Claims) Condition() string {
	issuer := strings.TrimPrefix(c.Issuer, "https://")
	condition := map[string]map[string]any{"StringEquals": {issuer + ":aud": single(c.Audience), issuer + ":sub": single(c.subjects())}}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(condition); err != nil {
		return ""
	}
	return `"Condition": ` + strings.TrimSpace(b.String())
}

// subjects returns the forms in which GitHub may write this subject. Repositories that were made, renamed or moved since July 2026
// have their ids in it: repo:owner@1/name@2:ref:..., others have not (aws-actions/configure-aws-credentials, README).
func (c Claims) subjects() []string {
	owner, name, ok := strings.Cut(c.Repository, "/")
	if !ok || c.RepositoryID == "" || c.RepositoryOwnerID == "" {
		return []string{c.Subject}
	}
	plain := "repo:" + c.Repository + ":"
	ids := fmt.Sprintf("repo:%s@%s/%s@%s:", owner, c.RepositoryOwnerID, name, c.RepositoryID)
	if rest, ok := strings.CutPrefix(c.Subject, plain); ok {
		return []string{c.Subject, ids + rest}
	}
	if rest, ok := strings.CutPrefix(c.Subject, ids); ok {
		return []string{c.Subject, plain + rest}
	}
	return []string{c.Subject} // the subject was customised
}

// advice says what to change where STS refuses such a token for a role.
func (c Claims) advice(role string) string {
	return fmt.Sprintf("the trust policy of %s does not accept this job, whose token has sub %s and aud %s; to accept it, the policy needs %s",
		role, quote(c.Subject), quote(strings.Join(c.Audience, ", ")), c.Condition()) +
		` (both forms of sub are needed: GitHub adds ids to it when a repository is made, renamed or moved; or compare repository_id instead)`
}

// single is how a policy writes a list of one.
func single(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func quote(text string) string { return `"` + text + `"` }
