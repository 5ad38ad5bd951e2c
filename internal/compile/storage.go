package compile

import "time"

// Storage is the record of what a tier beyond this machine did since its daemon's last such record. An Event with a Storage
// and no Outcome is no invocation. The words of Tier to Expires are the present ones, the numbers are since the last record, so
// that sums over records are what the tier did. It holds no secrets.
type Storage struct {
	Tier        string     `json:"tier"`                   // edge, bucket
	Place       string     `json:"place"`                  // URL without secrets
	Provider    string     `json:"provider,omitempty"`     // of credentials: static, github-oidc, none, ...
	ProviderWhy string     `json:"provider_why,omitempty"` // why that one
	Scope       string     `json:"scope,omitempty"`        // what is written: trusted/main
	Reads       []string   `json:"reads,omitempty"`        // scopes that are read, in order
	Expires     *time.Time `json:"expires,omitempty"`      // of the credentials; nil: never, or not known

	Get        int64 `json:"get,omitempty"` // requests, those that failed too
	List       int64 `json:"list,omitempty"`
	Put        int64 `json:"put,omitempty"`
	Downloaded int64 `json:"downloaded,omitempty"` // bytes of bodies
	Uploaded   int64 `json:"uploaded,omitempty"`
	Prefetched int64 `json:"prefetched,omitempty"` // results that came ahead of the lookups
	Published  int64 `json:"published,omitempty"`  // results
	Dropped    int64 `json:"dropped,omitempty"`    // results that should have been published and were not
	Skipped    int64 `json:"skipped,omitempty"`    // lookups for which the tier was not asked, because it had failed before

	Problems []Problem `json:"problems,omitempty"`
}

// Problem is one cause for which a tier failed. Problems of one tier with equal Kind and Cause are one, and the newest text is shown.
type Problem struct {
	Kind   string `json:"kind"`             // denied, credentials, throttled, unreachable, corrupt, ...
	Cause  string `json:"cause,omitempty"`  // what tells causes of a kind apart, such as operation and code: "put AccessDenied"; "": Text
	Text   string `json:"text"`             // what failed, on what, with which answer, in one line
	Advice string `json:"advice,omitempty"` // what to do, without a full stop; "" where Text says it
	Count  int64  `json:"count"`            // how often since the last record
}

// ID tells whether two problems of a tier have one cause.
func (p *Problem) ID() [2]string {
	if p.Cause == "" {
		return [2]string{p.Kind, p.Text}
	}
	return [2]string{p.Kind, p.Cause}
}
