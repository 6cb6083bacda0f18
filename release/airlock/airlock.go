// Package airlock is the way out of the hub for what people made in it. What
// leaves goes in groups: outputs, the code that made them, and a manifest that
// says what they are. A group is looked at by the checks of release/check, then
// by two persons who do not see each other's verdict, and the bytes that leave
// are the bytes that they looked at.
//
// It owns the folder HUB/airlock (docs/formats/airlock.md): files by their hash,
// one immutable document for each version of a group, one for each review, and
// the public register of everything that left. Nothing in it is ever changed;
// each document is announced in the audit log, by its hash, before it is
// written.
//
// What would leave is attacked, and its scorecard reviewed and released with it. Its
// tables are compared, number by number, with everything that left before, and
// the ledger of everything released has a record of each release.
//
// It refuses a submission under a permit that is not in force or not for its
// author, a review by an author or a person of the permit, and the release of
// anything that is not, byte for byte and by the audit log's own account, what
// two reviewers accepted. Who else may do what is for the caller to decide
// (Options.Authorise).
//
//	a := airlock.Open(filepath.Join(hub, "airlock"), airlock.Options{
//		Log: log, Permit: store.Get, Ledger: released, Scorecard: attacks, Actor: "marie", Now: time.Now, Random: rand.Reader,
//	})
//	v, err := a.Submit(ctx, "outputs/", permitID, "")
//	...
//	_, err = paul.Review(ctx, v.Group, airlock.Judgement{Verdict: airlock.Accept, Reason: "..."})
//	_, err = anne.Review(ctx, v.Group, airlock.Judgement{Verdict: airlock.Accept, Reason: "..."})
//	entry, err := a.Release(ctx, v.Group, "/transfer/report")
package airlock

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"galien"
	"galien/audit"
	"galien/durable"
	"galien/ledger"
	"galien/permit"
	"galien/release"
	"galien/release/check"
)

// The actions of the airlock, as the audit log and the policies name them.
const (
	ActionSubmit  = "airlock submit"
	ActionShow    = "airlock show"
	ActionReview  = "airlock review"
	ActionRelease = "airlock release"
)

// Options are what an airlock needs of its hub.
type Options struct {
	Log *audit.Log
	// Permit returns a granted permit.
	Permit func(ctx context.Context, id string) (permit.Permit, error)
	// Authorise decides whether the actor may do an action about a permit; nil
	// leaves the rules of this package alone.
	Authorise func(ctx context.Context, action, permitID string) error
	// Ledger is the ledger of everything released, in which every release is
	// entered.
	Ledger *ledger.Ledger
	// Scorecard attacks the tables of a group, of which attacked is the hash of its
	// files, and returns the pages to put into its folder scorecard, and whether
	// withheld numbers came back. unread are the files that no attack reads.
	Scorecard func(permitID string, threshold int, attacked string, tables []check.Table, unread []string) (pages []release.File, leaks bool, err error)
	// Actor is the account that acts.
	Actor  string
	Now    func() time.Time
	Random io.Reader
	// Galien is the version that writes.
	Galien string
}

// Airlock is the airlock of one hub, seen by one account. It is safe for several
// processes.
type Airlock struct {
	dir string
	Options
	step func(name string) // tests stop here; nil otherwise
}

// Open returns the airlock in a folder, which is made when something is first
// submitted.
func Open(dir string, o Options) *Airlock { return &Airlock{dir: dir, Options: o} }

// File is one file of a version.
type File struct {
	Name   string     `json:"name"`
	SHA256 string     `json:"sha256"`
	Size   int64      `json:"size"`
	Kind   check.Kind `json:"kind,omitempty"`
	// Stays is set for what is reviewed and not released.
	Stays bool `json:"stays,omitempty"`
}

// Version is one submission of a group: what is in submission.json.
type Version struct {
	Format      int       `json:"format"`
	Group       string    `json:"group"`
	Version     int       `json:"version"`
	Previous    string    `json:"previous,omitempty"` // hash of the version before
	Permit      string    `json:"permit"`
	Author      string    `json:"author"`
	SubmittedAt time.Time `json:"submitted_at"`
	Galien      string    `json:"galien"`
	Title       string    `json:"title"`
	Threshold   int       `json:"threshold"`
	Rounding    string    `json:"rounding"`
	// PermitRounding is the base that the permit asks for; 0 for none.
	PermitRounding int             `json:"permit_rounding,omitempty"`
	Files          []File          `json:"files"`
	Findings       []check.Finding `json:"findings"`
	// NoScorecard says why no scorecard is among the files.
	NoScorecard string `json:"no_scorecard,omitempty"`
	// Ledger says how many of the numbers that would leave the ledger judged.
	Ledger *ledger.Reviewed `json:"ledger,omitempty"`

	// SHA256 is the hash of the document itself.
	SHA256 string `json:"-"`
}

// Refused reports whether the checks ended the version.
func (v Version) Refused() bool { return check.Refused(v.Findings) }

// rule is what the permit asked of the version's outputs.
func (v Version) rule() check.Rule {
	return check.Rule{Threshold: v.Threshold, Rounding: v.PermitRounding}
}

// scored reports whether a scorecard is among the files.
func (v Version) scored() bool {
	return slices.ContainsFunc(v.Files, func(f File) bool { return f.Kind == kindScorecard })
}

// WhyNoScorecard says why the version has no scorecard, "" when it has one or the
// checks refused it.
func (v Version) WhyNoScorecard() string {
	if v.NoScorecard == "" && !v.scored() && !v.Refused() {
		return NoneThen
	}
	return v.NoScorecard
}

// file returns one file of the version.
func (v Version) file(name string) (File, bool) {
	i := slices.IndexFunc(v.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, false
	}
	return v.Files[i], true
}

// format is the version of the documents.
const format = 1

// kindScorecard is the kind of the pages that the airlock itself adds.
const kindScorecard check.Kind = "scorecard"

// Why a group has no scorecard.
const (
	NoTable  = "no table of counts by categories leaves with it, and no attack reads anything else"
	NoneThen = "it was submitted before scorecards were made"
)

const (
	submissionFile = "submission.json"
	lockFile       = "lock"
)

var groupPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}-[0-9a-f]{8}$`)

// document writes a value as the bytes that are kept and hashed.
func document(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("airlock: %w", err)
	}
	return append(b, '\n'), nil
}

// parse reads a document, which holds nothing that is not known.
func parse(path string, b []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return galien.Errorf(galien.Corrupt, "airlock: %s is not what was written", path)
	}
	if _, err := dec.Token(); err != io.EOF {
		return galien.Errorf(galien.Corrupt, "airlock: %s is not what was written", path)
	}
	return nil
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func (a *Airlock) reached(step string) {
	if a.step != nil {
		a.step(step)
	}
}

// prepare makes the folders.
func (a *Airlock) prepare() error {
	for _, name := range []string{"", "files", "groups", "register"} {
		if err := os.MkdirAll(filepath.Join(a.dir, name), 0o700); err != nil {
			return fmt.Errorf("airlock: %w", err)
		}
	}
	return nil
}

// lockWait is how long a command waits for another's turn.
const lockWait = 30 * time.Second

// lock keeps other processes from writing until unlock is called.
func (a *Airlock) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(a.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("airlock: %w", err)
	}
	if err := durable.Lock(ctx, f, true, lockWait); err != nil {
		f.Close()
		return nil, fmt.Errorf("airlock: lock: %w", err)
	}
	return func() { f.Close() }, nil
}

// keep writes a new file beside its place and links it there, so that it is
// there whole or not at all, and never takes the place of another.
func keep(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return fmt.Errorf("airlock: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(0o400)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("airlock: write %s: %w", filepath.Base(path), err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return galien.Errorf(galien.Conflict, "airlock: %s exists", filepath.Base(path))
		}
		return fmt.Errorf("airlock: %w", err)
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("airlock: %w", err)
	}
	return nil
}

// note appends an entry to the audit log; nothing is done that it does not
// announce.
func (a *Airlock) note(ctx context.Context, action, outcome, permitID, subject string, details map[string]string) error {
	_, err := a.Log.Append(ctx, audit.Entry{Time: a.Now(), Actor: a.Actor, Action: action, Permit: permitID, Subject: subject, Outcome: outcome, Details: details})
	if err != nil {
		return fmt.Errorf("nothing is done that cannot be written down: %w", err)
	}
	return nil
}

// authorise asks whether the actor may do an action about a permit.
func (a *Airlock) authorise(ctx context.Context, action, permitID string) error {
	if a.Authorise == nil {
		return nil
	}
	return a.Authorise(ctx, action, permitID)
}

// Groups returns the latest version of every group, oldest first.
func (a *Airlock) Groups() ([]Version, error) {
	entries, err := os.ReadDir(filepath.Join(a.dir, "groups"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("airlock: %w", err)
	}
	var out []Version
	for _, e := range entries {
		if !groupPattern.MatchString(e.Name()) {
			continue
		}
		n, err := a.latest(e.Name())
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue // made, and stopped before its first version
		}
		v, err := a.Version(e.Name(), n)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(x, y Version) int { return x.SubmittedAt.Compare(y.SubmittedAt) })
	return out, nil
}

// latest returns the number of a group's last version, or 0. A folder without a
// submission is what a kill left.
func (a *Airlock) latest(group string) (int, error) {
	entries, err := os.ReadDir(filepath.Join(a.dir, "groups", group))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("airlock: %w", err)
	}
	last := 0
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil || strconv.Itoa(n) != e.Name() {
			continue
		}
		if _, err := os.Lstat(filepath.Join(a.dir, "groups", group, e.Name(), submissionFile)); err == nil {
			last = max(last, n)
		}
	}
	return last, nil
}

// Version returns one version of a group; 0 is the latest. It fails with
// NotFound when there is none.
func (a *Airlock) Version(group string, number int) (Version, error) {
	missing := galien.Errorf(galien.NotFound, "there is no such group or version; `galien airlock list` shows those there are")
	if !groupPattern.MatchString(group) || number < 0 {
		return Version{}, missing
	}
	if number == 0 {
		var err error
		if number, err = a.latest(group); err != nil {
			return Version{}, err
		}
	}
	path := filepath.Join("groups", group, strconv.Itoa(number), submissionFile)
	b, err := os.ReadFile(filepath.Join(a.dir, path))
	if errors.Is(err, fs.ErrNotExist) {
		return Version{}, missing
	}
	if err != nil {
		return Version{}, fmt.Errorf("airlock: %w", err)
	}
	var v Version
	if err := parse(path, b, &v); err != nil {
		return Version{}, err
	}
	if v.Format != format || v.Group != group || v.Version != number {
		return Version{}, galien.Errorf(galien.Corrupt, "airlock: %s is of another group, version or format", path)
	}
	v.SHA256 = sum(b)
	return v, nil
}

// bytes returns the bytes of a file, checked against its hash. Corrupt says that
// they are not those that were submitted.
func (a *Airlock) bytes(f File) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(a.dir, "files", f.SHA256))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, galien.Errorf(galien.Corrupt, "airlock: the bytes of %s are gone", f.Name)
		}
		return nil, fmt.Errorf("airlock: %w", err)
	}
	if sum(b) != f.SHA256 || int64(len(b)) != f.Size {
		return nil, galien.Errorf(galien.Corrupt, "airlock: the bytes of %s are not those that were submitted", f.Name)
	}
	return b, nil
}

// Look returns the bytes of one file of a version for somebody to read, and
// writes down that they were read.
func (a *Airlock) Look(ctx context.Context, group string, number int, name string) ([]byte, error) {
	v, err := a.Version(group, number)
	if err != nil {
		return nil, err
	}
	if err := a.authorise(ctx, ActionShow, v.Permit); err != nil {
		return nil, err
	}
	f, ok := v.file(name)
	if !ok {
		return nil, galien.Errorf(galien.NotFound, "there is no such file in the group")
	}
	b, err := a.bytes(f)
	if err != nil {
		return nil, err
	}
	if err := a.note(ctx, ActionShow, "delivered", v.Permit, f.SHA256, place(v)); err != nil {
		return nil, err
	}
	return b, nil
}

// place says in an audit entry which version it is about.
func place(v Version) map[string]string {
	return map[string]string{"group": v.Group, "version": strconv.Itoa(v.Version)}
}

// slug makes the start of a group's id of its title.
func slug(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 30 {
			break
		}
	}
	s := strings.Trim(b.String(), "-")
	if s == "" {
		return "group"
	}
	return s
}
