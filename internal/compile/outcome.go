package compile

import "fmt"

// Outcome is how one invocation ended. Every invocation whose wrapper reached a daemon has exactly one.
type Outcome string

// The six outcomes. Hit rate is Hit / (Hit + Miss).
const (
	Hit         Outcome = "hit"           // outputs came from the cache
	Miss        Outcome = "miss"          // the compiler ran; the result was stored unless the reason says otherwise
	Uncacheable Outcome = "uncacheable"   // a compile that cannot be cached, for a reason
	NotCompile  Outcome = "not_a_compile" // nothing is compiled: a link, --version
	Bypassed    Outcome = "bypassed"      // the cache declined to take part, for a reason that is not the compile's
	Failed      Outcome = "failed"        // the compiler ran and exited non-zero
)

// Outcomes lists all outcomes in the order in which reports show them.
var Outcomes = []Outcome{Hit, Miss, Uncacheable, NotCompile, Bypassed, Failed}

// Decline is a front-end's or the engine's refusal to cache an invocation: the outcome (NotCompile, Uncacheable or
// Bypassed), the reason, and what exactly caused it. As an error it travels up from wherever the doubt arose.
type Decline struct {
	Outcome Outcome
	Reason  ReasonID
	Detail  string // the option, file or variable, as the user spelled it
}

func (d *Decline) Error() string {
	if d.Detail == "" {
		return fmt.Sprintf("%s (%s)", d.Outcome, d.Reason)
	}
	return fmt.Sprintf("%s (%s: %s)", d.Outcome, d.Reason, d.Detail)
}

// Refuse returns the Decline of an uncacheable compile.
func Refuse(reason ReasonID, detail string) *Decline {
	return &Decline{Outcome: Uncacheable, Reason: reason, Detail: detail}
}
