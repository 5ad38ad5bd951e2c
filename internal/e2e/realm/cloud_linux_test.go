package realm_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
)

// token asks the issuer as a job does.
func token(t *testing.T, cloud *realm.Cloud, env map[string]string, query string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, env["ACTIONS_ID_TOKEN_REQUEST_URL"]+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "bearer "+env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
	resp, err := (&http.Client{Transport: &http.Transport{
		TLSClientConfig: cloud.GitHub.Client(),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return cloud.Network.Machines[0].Dial(ctx, realm.CloudAddress+":443")
		},
	}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Value string }
	_ = json.Unmarshal(b, &answer)
	return resp.StatusCode, answer.Value
}

// A job's identity becomes a role's rights, end to end: what each role may and may not do is the server's own judgement.
func TestRolesMayWhatTheirPoliciesSay(t *testing.T) {
	if err := realm.MayNetwork(); err != nil {
		t.Skip(err)
	}
	guide, err := os.ReadFile("../../../docs/bucket.md")
	if err != nil {
		t.Fatal(err)
	}
	cloud, err := realm.NewCloud(tool(t, "versitygw"), t.TempDir(), string(guide))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cloud.Close)
	dial := func(ctx context.Context) (net.Conn, error) {
		return cloud.Network.Machines[1].Dial(ctx, strings.TrimPrefix(cloud.Storage.URL, "https://"))
	}
	// as returns a client with the role of a job; err is why there is none.
	as := func(role, sub, workflow string) (*s3.Client, error) {
		env, _ := cloud.Issuer.Admit(realm.Claims{"sub": sub, "repository": realm.Repository, "job_workflow_ref": workflow})
		status, id := token(t, cloud, env, "&audience="+realm.Audience)
		if status != http.StatusOK {
			t.Fatalf("the issuer answers %d", status)
		}
		at := "http://sts.test"
		provider := stscreds.NewWebIdentityRoleProvider(sts.New(sts.Options{
			Region: realm.Region, BaseEndpoint: &at, HTTPClient: cloud.IAM.HTTP(), RetryMaxAttempts: 1,
		}), role, identity(id))
		if _, err := provider.Retrieve(t.Context()); err != nil {
			return nil, err
		}
		return realm.S3(aws.NewCredentialsCache(provider), cloud.Storage.URL, dial, cloud.StorageCA), nil
	}

	const onMain = realm.Workflow + "@refs/heads/main"
	trusted, err := as(cloud.TrustedRole, realm.SubMain, onMain)
	if err != nil {
		t.Fatal(err)
	}
	pr, err := as(cloud.PRRole, realm.SubPull, realm.Workflow+"@refs/pull/7/merge")
	if err != nil {
		t.Fatal(err)
	}
	for _, refused := range []struct{ role, sub, workflow string }{
		{cloud.TrustedRole, realm.SubPull, onMain},
		{cloud.TrustedRole, "repo:evil/app:ref:refs/heads/main", onMain},
		{cloud.TrustedRole, realm.SubMain, realm.Repository + "/.github/workflows/other.yml@refs/heads/main"},
		{cloud.PRRole, "repo:evil/app:pull_request", realm.Workflow + "@refs/pull/7/merge"},
	} {
		if _, err := as(refused.role, refused.sub, refused.workflow); code(err) != "InvalidIdentityToken" && code(err) != "AccessDenied" {
			t.Errorf("%s as %s: %v, want a refusal of STS", refused.sub, refused.role, err)
		}
	}

	const at = realm.Prefix + "v1/" + realm.RepositoryID + "/"
	for _, test := range []struct {
		what string
		err  error
		want string
	}{
		{"trusted puts trusted", put(t, trusted, at+"trusted/main/pack/a", "a"), ""},
		{"trusted puts it again", put(t, trusted, at+"trusted/main/pack/a", "b"), "PreconditionFailed"},
		{"trusted puts pr", put(t, trusted, at+"pr/7/pack/a", "a"), "AccessDenied"},
		{"trusted puts elsewhere", put(t, trusted, realm.Prefix+"v1/1/trusted/main/pack/a", "a"), "AccessDenied"},
		{"pr puts pr", put(t, pr, at+"pr/7/pack/a", "a"), ""},
		{"pr puts trusted", put(t, pr, at+"trusted/main/pack/b", "b"), "AccessDenied"},
		{"pr puts trusted again", put(t, pr, at+"trusted/main/pack/a", "b"), "AccessDenied"},
		{"pr gets trusted", got(get(t, pr, at+"trusted/main/pack/a", "")), ""},
		{"pr gets what is not there", got(get(t, pr, at+"trusted/main/pack/none", "")), "NoSuchKey"},
		{"trusted gets pr", got(get(t, trusted, at+"pr/7/pack/a", "")), "AccessDenied"},
		{"pr lists trusted", list(t, pr, at+"trusted/main/index/"), ""},
		{"pr lists all", list(t, pr, ""), "AccessDenied"},
		{"pr lists another", list(t, pr, realm.Prefix+"v1/1/"), "AccessDenied"},
		{"trusted lists pr", list(t, trusted, at+"pr/"), "AccessDenied"},
		{"trusted deletes", remove(t, trusted, at+"trusted/main/pack/a"), "AccessDenied"},
		{"pr deletes its own", remove(t, pr, at+"pr/7/pack/a"), "AccessDenied"},
	} {
		if code(test.err) != test.want {
			t.Errorf("%s: %q, want %q", test.what, code(test.err), test.want)
		}
	}

	t.Logf("the server's own words: %v", put(t, pr, at+"trusted/main/pack/b", "b"))

	// The issuer gives nothing to whom does not ask right.
	env, _ := cloud.Issuer.Admit(realm.Claims{"sub": realm.SubMain})
	before := len(cloud.Issuer.Issued())
	for query, want := range map[string]int{"": http.StatusBadRequest, "&audience=other": http.StatusBadRequest} {
		if status, _ := token(t, cloud, env, query); status != want {
			t.Errorf("the issuer answers %d to %q, want %d", status, query, want)
		}
	}
	env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "wrong"
	if status, _ := token(t, cloud, env, "&audience="+realm.Audience); status != http.StatusUnauthorized {
		t.Errorf("the issuer answers %d to a stranger, want %d", status, http.StatusUnauthorized)
	}
	if n := len(cloud.Issuer.Issued()) - before; n != 0 {
		t.Errorf("%d tokens were issued, want 0", n)
	}
}

type identity string

func (i identity) GetIdentityToken() ([]byte, error) { return []byte(i), nil }

func got(_ string, err error) error { return err }

func list(t *testing.T, c *s3.Client, prefix string) error {
	t.Helper()
	_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(realm.Bucket), Prefix: &prefix})
	return err
}

func remove(t *testing.T, c *s3.Client, key string) error {
	t.Helper()
	_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(realm.Bucket), Key: &key})
	return err
}
