package pack

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// The names of objects are
//
//	v1/<repository>/<scope>/pack/<sha256>
//	v1/<repository>/<scope>/index/<inverse time>-<run>-<job>-<hash8>[.checkpoint]
//	v1/<repository>/<scope>/profile/<profile>/<inverse time>
//
// Their root is "v1/<repository>". A scope is one to three segments. The inverse time is 9999999999999 less the milliseconds since 1970,
// in 13 digits, so that a listing begins with the newest.

const (
	rootVersion  = "v1"
	lastTime     = 9999999999999
	timeDigits   = 13
	hashDigits   = 8
	checkpointed = ".checkpoint"

	maxSegment = 100 // bytes of what Segment returns
	maxRunJob  = 60  // bytes of a run and of a job in the name of an index
)

// Root returns the root of a repository's objects.
func Root(repository string) string { return rootVersion + "/" + Segment(repository) }

// PackName returns the name of the object of a pack. root is what Root returns, here and below.
func PackName(root, scope string, sum digest.Key) string {
	return root + "/" + scope + "/pack/" + sum.String()
}

// ParsePackName reads the name of a pack.
func ParsePackName(name string) (root, scope string, sum digest.Key, err error) {
	root, scope, last, err := splitName(name, "pack", 1)
	if err == nil {
		sum, err = digest.ParseKey(last[0])
	}
	if err != nil {
		return "", "", digest.Key{}, badName(name, err)
	}
	return root, scope, sum, nil
}

// IndexPrefix returns what the names of all indexes of a scope begin with.
func IndexPrefix(root, scope string) string { return root + "/" + scope + "/index/" }

// IndexName returns the name of the object of an index of the time at. run and job may be any text; hash8 is what Hash8 returns of
// the job's profile. With anything else, ParseIndexName refuses the name.
func IndexName(root, scope string, at time.Time, run, job, hash8 string, checkpoint bool) string {
	// Without a "-" of its own the run ends at the first one.
	name := IndexPrefix(root, scope) + inverse(at) + "-" + segment(run, "._", maxRunJob) + "-" + segment(job, "-._", maxRunJob) + "-" + hash8
	if checkpoint {
		name += checkpointed
	}
	return name
}

// Hash8 returns the 8 hex digits by which an index's name tells one profile from others.
func Hash8(profile string) string {
	sum := sha256.Sum256([]byte(profile))
	return hex.EncodeToString(sum[:hashDigits/2])
}

// IndexID is what an index's name says.
type IndexID struct {
	Root       string
	Scope      string
	Time       time.Time // in milliseconds
	Run, Job   string    // as segments; together they tell jobs apart
	Hash       string    // as Hash8 returns it
	Checkpoint bool
}

// ParseIndexName reads the name of an index.
func ParseIndexName(name string) (IndexID, error) {
	id, err := parseIndexName(name)
	if err != nil {
		return IndexID{}, badName(name, err)
	}
	return id, nil
}

func parseIndexName(name string) (id IndexID, err error) {
	root, scope, last, err := splitName(name, "index", 1)
	if err != nil {
		return id, err
	}
	id.Root, id.Scope = root, scope
	text, rest, _ := strings.Cut(last[0], "-")
	if id.Time, err = parseInverse(text); err != nil {
		return id, err
	}
	rest, id.Checkpoint = strings.CutSuffix(rest, checkpointed)
	id.Run, rest, _ = strings.Cut(rest, "-")
	end := strings.LastIndexByte(rest, '-')
	if end <= 0 || id.Run == "" {
		return id, errors.New("no run and job")
	}
	id.Job, id.Hash = rest[:end], rest[end+1:]
	if len(id.Hash) != hashDigits || strings.Trim(id.Hash, "0123456789abcdef") != "" {
		return id, fmt.Errorf("%.20q is not %d hex digits", id.Hash, hashDigits)
	}
	return id, nil
}

// ProfilePrefix returns what the names of all profiles of a name begin with.
func ProfilePrefix(root, scope, profile string) string {
	return root + "/" + scope + "/profile/" + Segment(profile) + "/"
}

// ProfileName returns the name of the object of a profile of the time at. profile may be any text.
func ProfileName(root, scope, profile string, at time.Time) string {
	return ProfilePrefix(root, scope, profile) + inverse(at)
}

// ParseProfileName reads the name of a profile; profile is the segment that ProfileName made.
func ParseProfileName(name string) (root, scope, profile string, at time.Time, err error) {
	root, scope, last, err := splitName(name, "profile", 2)
	if err == nil {
		at, err = parseInverse(last[1])
	}
	if err != nil {
		return "", "", "", time.Time{}, badName(name, err)
	}
	return root, scope, last[0], at, nil
}

func badName(name string, err error) error {
	return fmt.Errorf("object name %.120q: %w", name, err)
}

// splitName takes a name apart: root, scope, and the segments, n of them, behind the one that says what it is.
func splitName(name, kind string, n int) (root, scope string, last []string, err error) {
	all := strings.Split(name, "/")
	end := len(all) - n - 1
	if end < 3 || all[0] != rootVersion || all[end] != kind {
		return "", "", nil, fmt.Errorf("it is none of %s/<repository>/<scope>/%s/", rootVersion, kind)
	}
	for _, s := range append(all[1:2:2], all[end+1:]...) {
		if err := checkSegment(s); err != nil {
			return "", "", nil, err
		}
	}
	scope = strings.Join(all[2:end], "/")
	return strings.Join(all[:2], "/"), scope, all[end+1:], checkScope(scope)
}

// inverse returns a time such that later ones come first. Times before 1970 and after 2286 are as near as they can be.
func inverse(at time.Time) string {
	return fmt.Sprintf("%0*d", timeDigits, lastTime-min(max(at.UnixMilli(), 0), lastTime))
}

func parseInverse(s string) (time.Time, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || len(s) != timeDigits {
		return time.Time{}, fmt.Errorf("%.20q is no inverse time", s)
	}
	return time.UnixMilli(lastTime - int64(n)).UTC(), nil
}

// Segment returns any text as one segment of an object's name, different ones as different segments. Bytes other than letters, digits
// and "-._" become "=" and two upper-case hex digits, and so do the dots of a text of nothing else. No text at all is "=". What exceeds 100
// bytes is cut, and ends in "==" and 32 hex digits of the text's SHA-256.
func Segment(s string) string { return segment(s, "-._", maxSegment) }

// segment keeps letters, digits and the bytes of others, and stays within limit.
func segment(s, others string, limit int) string {
	if s == "" {
		return "="
	}
	if strings.Trim(s, ".") == "" {
		others = ""
	}
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() <= limit; i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(others, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	if b.Len() <= limit {
		return b.String()
	}
	sum := sha256.Sum256([]byte(s))
	end := "==" + hex.EncodeToString(sum[:16])
	return b.String()[:limit-len(end)] + end
}

// checkScope says why a scope is none.
func checkScope(scope string) error {
	if len(scope) > MaxScope || strings.Count(scope, "/") > 2 {
		return fmt.Errorf("scope %.80q is too long", scope)
	}
	for s := range strings.SplitSeq(scope, "/") {
		if err := checkSegment(s); err != nil {
			return fmt.Errorf("scope %.80q: %w", scope, err)
		}
	}
	return nil
}

// checkSegment holds a segment to what a store of objects takes.
func checkSegment(s string) error {
	if strings.Trim(s, ".") == "" {
		return errors.New("a segment of dots or nothing")
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '=':
		default:
			return fmt.Errorf("a byte %#x", c)
		}
	}
	return nil
}
