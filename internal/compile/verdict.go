package compile

// Verdict is what came of a recheck: a hit that was compiled again, and compared with what would have been the answer.
type Verdict string

// The verdicts.
const (
	VerdictEqual            Verdict = "equal"            // the compiler made the same
	VerdictNondeterministic Verdict = "nondeterministic" // the compiler made another thing each time: no answer is the wrong one
	VerdictIncompleteKey    Verdict = "incomplete-key"   // the compiler made the same thing twice, and not what was stored: the key lacks what decided it
	VerdictCorrupt          Verdict = "corrupt"          // stored bytes were not those that their digest names
	VerdictInconclusive     Verdict = "inconclusive"     // something changed meanwhile, or could not be compared: nothing is concluded
)

// Differing reports whether the stored result was found not to be what the compiler makes.
func (v Verdict) Differing() bool {
	return v == VerdictNondeterministic || v == VerdictIncompleteKey || v == VerdictCorrupt
}

// Wrong reports whether the stored result must not be an answer.
func (v Verdict) Wrong() bool { return v == VerdictIncompleteKey || v == VerdictCorrupt }
