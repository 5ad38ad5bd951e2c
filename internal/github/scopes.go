package github

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// Trust classes, as the place of a daemon has them.
const (
	classTrusted = "trusted"
	classPR      = "pr"
	classLocal   = "local"
)

// Scopes says which part of a bucket a job may read and write, and whose it is.
//
// A scope's name is its class, a slash, and a name as GitHub gives it, which may hold anything that Git lets a branch be called,
// slashes too; who makes a path of it encodes what follows the first slash. "pr" has numbers of pull requests and, with a word and
// a dot before them, branches ("pr/branch.x"), tags ("pr/tag.x") and merge queues ("pr/queue.x").
//
// What decides is only what the runner says in the environment and in the event's file. Both can be changed by who runs code in the
// job, so this keeps honest jobs apart; against others stands what the job's credentials may do.
type Scopes struct {
	Repository string   // its id: digits. "local" outside of GitHub; "" where it is not known, and then nothing may be read or written
	Class      string   // as given, but "pr" where a trusted job turns out to be none
	Own        string   // the one that is written; "" for none
	Read       []string // in this order: the own one, the base branch's, the default branch's
	ForkPR     bool     // the code is of a fork, or cannot be told from one: nothing is written

	ProfileName string // of what this job used: workflow, job, operating system and architecture, or as COMPILE_CACHE_PROFILE says
	Provenance  Provenance
	Notes       []string // what was unclear, for a log
}

// Provenance is who the job is, as the runner says it.
type Provenance struct {
	Repository, Ref, Commit, Run, Attempt, Job, Actor, Event, Workflow, Runner string
}

// FindScopes returns the scopes of a job of the given trust class. readFile reads the event's file (ReadEvent).
func FindScopes(getenv func(string) string, readFile func(string) ([]byte, error), class string) Scopes {
	s := Scopes{Class: class, ProfileName: profile(getenv), Provenance: provenance(getenv)}
	if class != classTrusted && class != classPR {
		s.Repository, s.Class, s.Own, s.Read = "local", classLocal, classLocal, []string{classLocal}
		return s
	}
	e, err := readEvent(getenv, readFile)
	if err != nil {
		s.note("the event's file is not used: %v", err)
	}
	if s.Repository = getenv("GITHUB_REPOSITORY_ID"); s.Repository == "" {
		s.Repository = e.number("repository.id")
	}
	switch id := e.number("repository.id"); {
	case !isNumber(s.Repository):
		s.Repository = ""
		s.note("neither GITHUB_REPOSITORY_ID nor the event's file tells the repository's id, so there is no scope")
		return s
	case id != "" && id != s.Repository:
		s.note("the event's file is of repository %s and not used", id)
		e = event{}
	}
	s.own(getenv, e)
	base, def := s.branches(getenv, e)
	s.Read = nil
	if s.Own != "" {
		s.Read = append(s.Read, s.Own)
	}
	for _, branch := range []string{base, def} {
		if scope := classTrusted + "/" + branch; isName(branch) && !slices.Contains(s.Read, scope) {
			s.Read = append(s.Read, scope)
		}
	}
	return s
}

// own finds the scope that is written.
func (s *Scopes) own(getenv func(string) string, e event) {
	ref, name := getenv("GITHUB_REF"), getenv("GITHUB_EVENT_NAME")
	branch, isBranch := strings.CutPrefix(ref, "refs/heads/")
	tag, isTag := strings.CutPrefix(ref, "refs/tags/")
	isBranch, isTag = isBranch && isName(branch), isTag && isName(tag)
	if s.Class == classTrusted {
		switch {
		case !isBranch:
			s.note("%s is no branch, so what this job makes is not trusted", printable(ref))
		case name != "push" && name != "schedule" && name != "workflow_dispatch":
			s.note("what an event %s triggers is not trusted", printable(name))
		case getenv("GITHUB_REF_PROTECTED") != "true":
			s.note("branch %s is not protected, so what this job makes is not trusted", printable(branch))
		default:
			s.Own = classTrusted + "/" + branch
			return
		}
		s.Class = classPR
	}
	number := pullOfRef(ref)
	switch {
	case strings.HasPrefix(name, "pull_request"):
		if number == "" {
			number = e.number("pull_request.number")
		}
		// A deleted fork has no repository any more.
		if head := e.number("pull_request.head.repo.id"); head != s.Repository {
			s.ForkPR = true
			if head == "" {
				s.note("the event's file does not tell whose code this is, so it counts as a fork's")
			}
		}
		if number == "" {
			s.note("the number of the pull request is not known, so nothing is written")
			return
		}
	case name == "issue_comment" && e.has("issue.pull_request.url"):
		number = e.number("issue.number")
	case name == "workflow_run":
		// The run of a fork's own workflow names the pull request in the repository that it was forked from.
		if base := e.number("workflow_run.pull_requests.0.base.repo.id"); base == "" || base == s.Repository {
			number = e.number("workflow_run.pull_requests.0.number")
		}
		if head := e.number("workflow_run.head_repository.id"); head != s.Repository {
			s.ForkPR = true
			if head == "" {
				s.note("the event's file does not tell whose code this is, so it counts as a fork's")
			}
		}
	case name == "merge_group":
		if base := e.branch("merge_group.base_ref"); base != "" {
			s.Own = classPR + "/queue." + base
			return
		}
	}
	switch {
	case number != "":
		s.Own = classPR + "/" + number
	case isBranch:
		s.Own = classPR + "/branch." + branch
	case isTag:
		s.Own = classPR + "/tag." + tag
	default:
		s.note("%s is neither a branch nor a tag nor a pull request, so nothing is written", printable(ref))
	}
}

// branches returns the branch that a pull request or merge group goes into, and the repository's default branch; "" where not known.
func (s *Scopes) branches(getenv func(string) string, e event) (base, def string) {
	base = getenv("GITHUB_BASE_REF")
	for _, more := range []string{"pull_request.base.ref", "workflow_run.pull_requests.0.base.ref"} {
		if base == "" {
			base = e.text(more)
		}
	}
	if base == "" {
		base = e.branch("merge_group.base_ref")
	}
	if def = e.text("repository.default_branch"); def == "" {
		switch getenv("GITHUB_EVENT_NAME") {
		case "schedule", "issue_comment", "workflow_run": // these run on it
			def, _ = strings.CutPrefix(getenv("GITHUB_REF"), "refs/heads/")
		default:
			s.note("the default branch is not known")
		}
	}
	return base, def
}

func (s *Scopes) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// pullOfRef returns the number in refs/pull/N/merge, "" for another ref.
func pullOfRef(ref string) string {
	rest, ok := strings.CutPrefix(ref, "refs/pull/")
	number, _, more := strings.Cut(rest, "/")
	if !ok || !more || !isNumber(number) {
		return ""
	}
	return number
}

// profile names what a job uses.
func profile(getenv func(string) string) string {
	name := strings.TrimSpace(getenv("COMPILE_CACHE_PROFILE"))
	if name == "" || name != printable(name) {
		name = ProfileOf(getenv, "")
	}
	return name + "." + runtime.GOOS + "-" + runtime.GOARCH
}

// ProfileOf names the profile of a job by its workflow's file and its own id. matrix, if any, is JSON of what tells the jobs of a
// matrix apart; nobody but an action's inputs can tell it.
func ProfileOf(getenv func(string) string, matrix string) string {
	// owner/name/.github/workflows/ci.yml@refs/heads/main
	path, _, ok := strings.Cut(getenv("GITHUB_WORKFLOW_REF"), "@refs/")
	if !ok {
		path, _, _ = strings.Cut(path, "@")
	}
	if parts := strings.SplitN(path, "/", 3); len(parts) == 3 {
		path = strings.TrimPrefix(parts[2], ".github/workflows/")
	}
	name := strings.Trim(printable(path)+"."+printable(getenv("GITHUB_JOB")), ".")
	if name == "" {
		name = classLocal
	}
	if matrix = strings.TrimSpace(matrix); matrix != "" && matrix != "null" && matrix != "{}" {
		sum := sha256.Sum256([]byte(matrix))
		name += "." + hex.EncodeToString(sum[:4])
	}
	return name
}

func provenance(getenv func(string) string) Provenance {
	get := func(name string) string { return printable(getenv(name)) }
	return Provenance{
		Repository: get("GITHUB_REPOSITORY"), Ref: get("GITHUB_REF"), Commit: get("GITHUB_SHA"), Run: get("GITHUB_RUN_ID"),
		Attempt: get("GITHUB_RUN_ATTEMPT"), Job: get("GITHUB_JOB"), Actor: get("GITHUB_ACTOR"), Event: get("GITHUB_EVENT_NAME"),
		Workflow: get("GITHUB_WORKFLOW_REF"), Runner: get("RUNNER_NAME"),
	}
}

// isNumber reports whether text is a positive number as GitHub's ids are.
func isNumber(text string) bool {
	return text != "" && len(text) <= 20 && text[0] != '0' && strings.Trim(text, "0123456789") == ""
}

// isName reports whether text may be the name of a branch or tag. Git allows no control characters; longer ones than a file's name
// can be are nobody's.
func isName(text string) bool {
	return text != "" && len(text) <= 255 && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// printable returns text without control characters, at most 256 bytes of it.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
	return strings.ToValidUTF8(text[:min(len(text), 256)], "")
}
