package credentials

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

const (
	// probeTime bounds the first question, with its three requests: most machines are no EC2 instances, and there nobody answers.
	probeTime = time.Second
	// metadataTime bounds later ones, at a service that has answered before.
	metadataTime = 5 * time.Second

	ipv4Metadata = "http://169.254.169.254"
	ipv6Metadata = "http://[fd00:ec2::254]"
)

// metadata is the instance metadata service of EC2, in version 2 only.
type metadata struct {
	*setup
	endpoint string
	role     *ec2rolecreds.Provider

	mu    sync.Mutex // guards what follows, and is held while asking
	alive bool       // it has given credentials
	dead  *Error     // it has not, when first asked, and is not asked again
}

func newMetadata(s *setup, endpoint string) *metadata {
	client := *s.local
	client.Transport = traced{client.Transport}
	return &metadata{setup: s, endpoint: endpoint, role: ec2rolecreds.New(func(o *ec2rolecreds.Options) {
		o.Client = imds.New(imds.Options{
			Endpoint: endpoint, HTTPClient: &client, Retryer: aws.NopRetryer{}, ClientEnableState: imds.ClientEnabled,
			EnableFallback: aws.FalseTernary,
		})
	})}
}

func (m *metadata) fetch(ctx context.Context) (grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead != nil {
		return grant{}, m.dead
	}
	most := metadataTime
	if !m.alive {
		most = probeTime
	}
	limited, cancel := m.seams.limit(ctx, most)
	defer cancel()
	g, e := m.again(limited, localTries, whileTemporary(m.ask))
	switch {
	case e == nil:
		m.alive = true
		return g, nil
	case !m.alive && ctx.Err() == nil:
		e.Temporary = false
		m.dead = e
	}
	return grant{}, e
}

func (m *metadata) ask(ctx context.Context) (grant, *Error) {
	var seen exchanges
	creds, err := m.role.Retrieve(context.WithValue(ctx, exchangesKey{}, &seen))
	if err != nil {
		e := describe(IMDS, "get instance credentials", m.endpoint, err, creds.SecretAccessKey, creds.SessionToken)
		m.diagnose(e, seen.last())
		return grant{}, e
	}
	if creds.AccessKeyID == "" || creds.SecretAccessKey == "" {
		return grant{}, &Error{Provider: IMDS, Operation: "get instance credentials", Endpoint: m.endpoint,
			Message: "the answer has no complete credentials"}
	}
	creds.Source = IMDS
	return grant{creds: creds}, nil
}

// diagnose says what the last request to the service tells of this machine.
func (m *metadata) diagnose(e *Error, last exchange) {
	token := strings.HasSuffix(last.path, "/api/token")
	if last.status >= 300 {
		e.Status = last.status
	}
	switch {
	case last.status == 0 && !last.connected:
		e.Message = "nothing answers there"
		e.Advice = "this machine is no EC2 instance, or its metadata service is off or blocked"
	case last.status == 0 && token:
		e.Message = "the connection is made, but the request for a session token is not answered in time"
		e.Advice = "this is how a hop limit of 1 looks from inside a container: run the daemon on the host itself, or allow the answer one more hop: " +
			"aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2"
	case last.status == 0:
		e.Message = "the service gave a session token, but no credentials in time"
	case last.status == http.StatusUnauthorized:
		e.Advice = "the metadata service does not accept the session token; something between this process and the service may answer in its place"
	case last.status == http.StatusForbidden:
		e.Advice = "the metadata service is turned off for this instance or this process (HttpEndpoint of its metadata options, or a firewall)"
	case token && (last.status == http.StatusNotFound || last.status == http.StatusMethodNotAllowed || last.status == http.StatusBadRequest):
		e.Advice = "what answers there is no metadata service of EC2; other clouds use the same address"
	case last.status == http.StatusNotFound:
		e.Message = "the instance has no role"
		e.Advice = "attach an instance profile with a role to the instance"
	}
}

// exchanges is what became of the requests of one question.
type exchanges struct {
	mu   sync.Mutex // guards list
	list []*exchange
}

type exchange struct {
	path      string
	connected bool
	status    int
}

type exchangesKey struct{}

// last returns the newest request.
func (x *exchanges) last() exchange {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.list) == 0 {
		return exchange{}
	}
	return *x.list[len(x.list)-1]
}

// traced notes what becomes of requests whose context has an exchanges.
type traced struct{ next http.RoundTripper }

func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	seen, ok := r.Context().Value(exchangesKey{}).(*exchanges)
	if !ok {
		return t.next.RoundTrip(r)
	}
	this := &exchange{path: r.URL.Path}
	seen.mu.Lock()
	seen.list = append(seen.list, this)
	seen.mu.Unlock()
	note := func(f func()) {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		f()
	}
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { note(func() { this.connected = true }) }}
	response, err := t.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err == nil {
		note(func() { this.status = response.StatusCode })
	}
	return response, err
}
