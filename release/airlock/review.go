package airlock

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"galien"
	"galien/permit"
)

// Verdict is what a reviewer says.
type Verdict string

// The verdicts.
const (
	Accept Verdict = "accept"
	Refuse Verdict = "refuse"
)

// FileVerdict is what a reviewer says of one file. The hash is that of the
// bytes that the reviewer looked at.
type FileVerdict struct {
	Name    string  `json:"name"`
	SHA256  string  `json:"sha256"`
	Verdict Verdict `json:"verdict"`
	Comment string  `json:"comment,omitempty"`
}

// Judgement is what a reviewer hands in. Files need only hold those of which
// something is said; the others share the verdict of the whole.
type Judgement struct {
	Verdict Verdict
	Reason  string
	Files   []FileVerdict
}

// Review is one reviewer's verdict on one version: what is in review-N.json.
// Nobody else sees it before a second one is in.
type Review struct {
	Format     int           `json:"format"`
	Group      string        `json:"group"`
	Version    int           `json:"version"`
	Submission string        `json:"submission"` // hash of submission.json
	Reviewer   string        `json:"reviewer"`
	ReviewedAt time.Time     `json:"reviewed_at"`
	Verdict    Verdict       `json:"verdict"`
	Reason     string        `json:"reason"`
	Files      []FileVerdict `json:"files"`
	// Nonce keeps the hash of the document, which the audit log shows at once,
	// from telling the verdict.
	Nonce string `json:"nonce"`

	SHA256 string `json:"-"`
}

// State is where a version stands.
type State string

// The states of a version.
const (
	RefusedByChecks State = "refused by the checks"
	Waiting         State = "waiting for two reviewers"
	WaitingSecond   State = "waiting for a second reviewer"
	Disputed        State = "disputed: waiting for a third reviewer"
	Accepted        State = "accepted"
	Refused         State = "refused"
	Superseded      State = "superseded"
	Released        State = "released"
)

// reviews returns the reviews of a version, in the order in which they came.
func (a *Airlock) reviews(v Version) ([]Review, error) {
	var out []Review
	for n := 1; ; n++ {
		path := filepath.Join("groups", v.Group, strconv.Itoa(v.Version), reviewFile(n))
		b, err := os.ReadFile(filepath.Join(a.dir, path))
		if errors.Is(err, fs.ErrNotExist) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("airlock: %w", err)
		}
		var r Review
		if err := parse(path, b, &r); err != nil {
			return nil, err
		}
		if r.Format != format || r.Group != v.Group || r.Version != v.Version {
			return nil, galien.Errorf(galien.Corrupt, "airlock: %s is of another group, version or format", path)
		}
		r.SHA256 = sum(b)
		out = append(out, r)
	}
}

func reviewFile(n int) string { return fmt.Sprintf("review-%d.json", n) }

// state works out where a version stands.
func (a *Airlock) state(v Version, reviews []Review, register []Entry) (State, error) {
	last, err := a.latest(v.Group)
	switch {
	case err != nil:
		return "", err
	case released(register, v) != nil:
		return Released, nil
	case last > v.Version:
		return Superseded, nil
	case v.Refused():
		return RefusedByChecks, nil
	}
	return verdict(reviews), nil
}

// verdict is what the reviews say together: two that agree decide, and a third
// when they do not.
func verdict(reviews []Review) State {
	accepted := 0
	for _, r := range reviews {
		if r.Verdict == Accept {
			accepted++
		}
	}
	switch refused := len(reviews) - accepted; {
	case accepted >= 2:
		return Accepted
	case refused >= 2:
		return Refused
	case len(reviews) == 2:
		return Disputed
	case len(reviews) == 1:
		return WaitingSecond
	}
	return Waiting
}

// Review takes the actor's verdict on the latest version of a group. It fails
// with Denied for whoever may not review it, and Conflict when there is nothing
// to review.
func (a *Airlock) Review(ctx context.Context, group string, j Judgement) (State, error) {
	if j.Verdict != Accept && j.Verdict != Refuse {
		return "", galien.Errorf(galien.Invalid, "review: say --accept or --refuse")
	}
	if strings.TrimSpace(j.Reason) == "" || len(j.Reason) > 10_000 {
		return "", galien.Errorf(galien.Invalid, "review: give a reason of at most 10,000 characters with --reason: what was looked at, and why it is right or not")
	}
	if err := a.prepare(); err != nil {
		return "", err
	}
	unlock, err := a.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	a.clean()
	v, err := a.Version(group, 0)
	if err != nil {
		return "", err
	}
	if err := a.authorise(ctx, ActionReview, v.Permit); err != nil {
		return "", err
	}
	reviews, err := a.reviews(v)
	if err != nil {
		return "", err
	}
	if err := a.mayReview(ctx, v, reviews); err != nil {
		return "", a.denied(ctx, ActionReview, v.Permit, err)
	}
	files, err := verdicts(v, j)
	if err != nil {
		return "", err
	}
	// The bytes that are judged are those that were submitted.
	for _, f := range v.Files {
		if _, err := a.bytes(f); err != nil {
			return "", err
		}
	}
	nonce := make([]byte, 16)
	if _, err := io.ReadFull(a.Random, nonce); err != nil {
		return "", fmt.Errorf("airlock: %w", err)
	}
	r := Review{Format: format, Group: group, Version: v.Version, Submission: v.SHA256, Reviewer: a.Actor, ReviewedAt: a.Now().UTC(),
		Verdict: j.Verdict, Reason: j.Reason, Files: files, Nonce: hex.EncodeToString(nonce)}
	b, err := document(r)
	if err != nil {
		return "", err
	}
	details := place(v)
	details["submission"] = v.SHA256
	if err := a.note(ctx, ActionReview, "reviewed", v.Permit, sum(b), details); err != nil {
		return "", err
	}
	a.reached("after the entry")
	at := filepath.Join(a.dir, "groups", group, strconv.Itoa(v.Version), reviewFile(len(reviews)+1))
	if err := keep(at, b); err != nil {
		return "", err
	}
	return verdict(append(reviews, r)), nil
}

// mayReview fails when the actor may not review the version, or it has been
// decided on.
func (a *Airlock) mayReview(ctx context.Context, v Version, reviews []Review) error {
	register, err := a.Register()
	if err != nil {
		return err
	}
	state, err := a.state(v, reviews, register)
	if err != nil {
		return err
	}
	switch state {
	case Waiting, WaitingSecond, Disputed:
	default:
		return galien.Errorf(galien.Conflict, "there is nothing to review: the group is %s", state)
	}
	for n := 1; n <= v.Version; n++ {
		earlier, err := a.Version(v.Group, n)
		if err != nil {
			return err
		}
		if earlier.Author == a.Actor {
			return galien.Errorf(galien.Denied, "you submitted this group: others review it")
		}
	}
	p, err := a.Permit(ctx, v.Permit)
	if err != nil {
		return err
	}
	if barred(p, a.Actor) {
		return galien.Errorf(galien.Denied, "you are a person of permit %s: others review what is made under it", v.Permit)
	}
	if slices.ContainsFunc(reviews, func(r Review) bool { return r.Reviewer == a.Actor }) {
		return galien.Errorf(galien.Denied, "you reviewed this version already: another account does")
	}
	return nil
}

// barred reports whether a permit names the account, or the account applied for
// it. "*" names nobody.
func barred(p permit.Permit, account string) bool {
	return slices.Contains(p.Terms.People, account) || p.Applicant() == account
}

// verdicts gives every file of a version its verdict.
func verdicts(v Version, j Judgement) ([]FileVerdict, error) {
	said := map[string]FileVerdict{}
	for _, f := range j.Files {
		if _, ok := v.file(f.Name); !ok {
			return nil, galien.Errorf(galien.Invalid, "review: there is no file %s in the group", f.Name)
		}
		if _, twice := said[f.Name]; twice || f.Verdict != Accept && f.Verdict != Refuse {
			return nil, galien.Errorf(galien.Invalid, "review: say accept or refuse once of %s", f.Name)
		}
		if f.Verdict == Refuse && j.Verdict == Accept {
			return nil, galien.Errorf(galien.Invalid, "review: a group is accepted whole: refuse it, or accept %s", f.Name)
		}
		said[f.Name] = f
	}
	var out []FileVerdict
	for _, f := range v.Files {
		x := said[f.Name]
		if x.Verdict == "" {
			x.Verdict = j.Verdict
		}
		x.Name, x.SHA256 = f.Name, f.SHA256
		out = append(out, x)
	}
	return out, nil
}

// Status is a version as an account may see it.
type Status struct {
	Version
	State State `json:"state"`
	// SHA is the hash of the version's document.
	SHA string `json:"sha256"`
	// Reviews are those that the account may see: its own, and all once two are
	// in. In counts all that are in.
	Reviews     []Review     `json:"reviews"`
	In          int          `json:"reviews_in"`
	Differences []Difference `json:"differences"`
}

// Listed is a group in a list: its latest version and where it stands, without
// what is in it.
type Listed struct {
	Group   string `json:"group"`
	Version int    `json:"version"`
	State   State  `json:"state"`
	Permit  string `json:"permit"`
	Author  string `json:"author"`
	Files   int    `json:"files"`
	Title   string `json:"title"`
}

// List returns every group, oldest first.
func (a *Airlock) List() ([]Listed, error) {
	groups, err := a.Groups()
	if err != nil {
		return nil, err
	}
	register, err := a.Register()
	if err != nil {
		return nil, err
	}
	out := []Listed{}
	for _, v := range groups {
		reviews, err := a.reviews(v)
		if err != nil {
			return nil, err
		}
		state, err := a.state(v, reviews, register)
		if err != nil {
			return nil, err
		}
		out = append(out, Listed{v.Group, v.Version, state, v.Permit, v.Author, len(v.Files), v.Title})
	}
	return out, nil
}

// Status returns a version of a group as the actor may see it; 0 is the latest.
// That it was read is written down: the differences are lines of its files.
func (a *Airlock) Status(ctx context.Context, group string, number int) (Status, error) {
	v, err := a.Version(group, number)
	if err != nil {
		return Status{}, err
	}
	if err := a.authorise(ctx, ActionShow, v.Permit); err != nil {
		return Status{}, err
	}
	reviews, err := a.reviews(v)
	if err != nil {
		return Status{}, err
	}
	register, err := a.Register()
	if err != nil {
		return Status{}, err
	}
	s := Status{Version: v, SHA: v.SHA256, In: len(reviews), Reviews: []Review{}, Differences: []Difference{}}
	if s.State, err = a.state(v, reviews, register); err != nil {
		return Status{}, err
	}
	for _, r := range reviews {
		if len(reviews) >= 2 || r.Reviewer == a.Actor {
			s.Reviews = append(s.Reviews, r)
		}
	}
	d, err := a.Differences(v)
	if err != nil {
		return Status{}, err
	}
	s.Differences = append(s.Differences, d...)
	if err := a.note(ctx, ActionShow, "delivered", v.Permit, v.SHA256, place(v)); err != nil {
		return Status{}, err
	}
	return s, nil
}
