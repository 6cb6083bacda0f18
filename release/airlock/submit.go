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

	"golang.org/x/sys/unix"

	"galien"
	"galien/durable"
	"galien/permit"
	"galien/release/check"
)

// Limits of a group.
const (
	maxFiles = 200
	maxBytes = 64 << 20
	maxDepth = 8
)

// Read reads a folder of outputs whole: the manifest, and every other file. It
// follows no symbolic link, and fails with Conflict when a file is seen to change
// while it is read. Each file is read once: what is checked is what is kept.
func Read(dir string) (manifest []byte, files []check.File, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, galien.Errorf(galien.NotFound, "read outputs: there is no folder %s", dir)
		}
		return nil, nil, galien.Errorf(galien.Invalid, "read outputs: %w", err)
	}
	defer root.Close()
	left := int64(maxBytes)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return galien.Errorf(galien.Invalid, "read outputs: %w", err)
		case d.IsDir():
			if strings.Count(name, "/") >= maxDepth {
				return galien.Errorf(galien.Invalid, "read outputs: the folder is nested more than %d deep", maxDepth)
			}
			return nil
		case !d.Type().IsRegular():
			return galien.Errorf(galien.Invalid, "read outputs: %s is a link or a device: put the file itself there", name)
		case len(files) >= maxFiles:
			return galien.Errorf(galien.Invalid, "read outputs: there are more than %d files: submit what is needed alone", maxFiles)
		}
		b, err := readFile(root, name, left)
		if err != nil {
			return err
		}
		left -= int64(len(b))
		if name == check.ManifestFile {
			manifest = b
			return nil
		}
		files = append(files, check.File{Name: name, Bytes: b})
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if manifest == nil {
		return nil, nil, galien.Errorf(galien.Invalid, "read outputs: %s holds no %s, which says what the files are (docs/airlock.md)", dir, check.ManifestFile)
	}
	return manifest, files, nil
}

// readFile reads a regular file whose size and time do not change meanwhile.
func readFile(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, galien.Errorf(galien.Invalid, "read outputs: %w", err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil || !before.Mode().IsRegular() {
		return nil, galien.Errorf(galien.Invalid, "read outputs: %s is not a regular file", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, galien.Errorf(galien.Invalid, "read outputs: %w", err)
	}
	if int64(len(b)) > limit {
		return nil, galien.Errorf(galien.Invalid, "read outputs: the files are more than %d MiB together", maxBytes>>20)
	}
	after, err := f.Stat()
	if err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) || int64(len(b)) != after.Size() {
		return nil, galien.Errorf(galien.Conflict, "read outputs: %s changed while it was read: submit when nothing writes to the folder", name)
	}
	return b, nil
}

// Submit takes a folder of outputs into the airlock under a permit, as a new
// group, or as a new version of the group that is named. What the checks found
// is in the version that it returns; a version that they refuse is kept, and
// nobody reviews it.
func (a *Airlock) Submit(ctx context.Context, dir, permitID, group string) (Version, error) {
	manifestText, files, err := Read(dir)
	if err != nil {
		return Version{}, err
	}
	manifest, err := check.ParseManifest(manifestText)
	if err != nil {
		return Version{}, err
	}
	for _, f := range files {
		if f.Name == check.ScorecardFolder || strings.HasPrefix(f.Name, check.ScorecardFolder+"/") {
			return Version{}, galien.Errorf(galien.Invalid, "read outputs: the folder %s is kept for the scorecard that the airlock adds: call yours otherwise", check.ScorecardFolder)
		}
	}
	if err := a.authorise(ctx, ActionSubmit, permitID); err != nil {
		return Version{}, err
	}
	p, err := a.permit(ctx, permitID)
	if err == nil {
		err = mayAsk(p, a.Actor)
	}
	if err != nil {
		return Version{}, a.denied(ctx, ActionSubmit, permitID, err)
	}
	v := Version{Format: format, Group: group, Version: 1, Permit: permitID, Author: a.Actor, SubmittedAt: a.Now().UTC(), Galien: a.Galien,
		Title: manifest.Title, Threshold: p.Terms.Threshold, Rounding: manifest.Rounding, PermitRounding: p.Terms.Rounding}
	if err := a.prepare(); err != nil {
		return Version{}, err
	}
	unlock, err := a.lock(ctx)
	if err != nil {
		return Version{}, err
	}
	defer unlock()
	a.clean()
	if group == "" {
		random := make([]byte, 4)
		if _, err := io.ReadFull(a.Random, random); err != nil {
			return Version{}, fmt.Errorf("airlock: %w", err)
		}
		v.Group = slug(manifest.Title) + "-" + hex.EncodeToString(random)
	} else {
		last, err := a.Version(group, 0)
		if err != nil {
			return Version{}, err
		}
		if last.Permit != permitID {
			return Version{}, galien.Errorf(galien.Conflict, "the group is of permit %s: a group stays with its permit", last.Permit)
		}
		v.Version, v.Previous = last.Version+1, last.SHA256
	}
	v.Findings = append([]check.Finding{}, check.Group(manifest, files, v.rule(), v.Version)...)
	register, err := a.Register()
	if err != nil {
		return Version{}, err
	}
	tables, others := check.Tables(manifest, files, v.rule())
	near, err := a.against(v, manifest, tables, register)
	if err != nil {
		return Version{}, err
	}
	v.Findings = append(v.Findings, near...)
	judged, err := a.judged(ctx, manifest, tables, others, int64(v.Threshold))
	if err != nil {
		return Version{}, err
	}
	v.Ledger = &judged
	contents := append([]check.File{{Name: check.ManifestFile, Bytes: manifestText}}, files...)
	for _, f := range contents {
		entry := File{Name: f.Name, SHA256: sum(f.Bytes), Size: int64(len(f.Bytes))}
		for _, o := range manifest.Outputs {
			if o.File == f.Name {
				entry.Kind, entry.Stays = o.Kind, o.Stays
			}
		}
		v.Files = append(v.Files, entry)
	}
	pages, err := a.attack(&v, tables, others)
	if err != nil {
		return Version{}, err
	}
	contents = append(contents, pages...)
	check.Sort(v.Findings)
	b, err := document(v)
	if err != nil {
		return Version{}, err
	}
	v.SHA256 = sum(b)
	a.reached("before the entry")
	refuse, look := 0, 0
	for _, f := range v.Findings {
		if f.Severity == check.Refuse {
			refuse++
		} else {
			look++
		}
	}
	details := place(v)
	details["files"], details["refuse"], details["look"] = strconv.Itoa(len(v.Files)), strconv.Itoa(refuse), strconv.Itoa(look)
	if err := a.note(ctx, ActionSubmit, "submitted", permitID, v.SHA256, details); err != nil {
		return Version{}, err
	}
	a.reached("after the entry")
	for _, f := range contents {
		if err := keep(filepath.Join(a.dir, "files", sum(f.Bytes)), f.Bytes); err != nil && galien.KindOf(err) != galien.Conflict {
			return Version{}, err
		}
		// The same bytes may be there from another group; they are looked at again
		// whenever they are read.
		a.reached("after a file")
	}
	at := filepath.Join(a.dir, "groups", v.Group, strconv.Itoa(v.Version))
	if err := os.MkdirAll(at, 0o700); err != nil {
		return Version{}, fmt.Errorf("airlock: %w", err)
	}
	a.reached("after the folder")
	if err := keep(filepath.Join(at, submissionFile), b); err != nil {
		return Version{}, err
	}
	for _, path := range []string{filepath.Dir(at), filepath.Dir(filepath.Dir(at))} {
		if err := durable.SyncFolder(path); err != nil {
			return Version{}, err
		}
	}
	return v, nil
}

// attack attacks what a version lets out, and puts the pages of the scorecard among
// its files, or why there are none. A version that the checks refuse is not
// attacked.
func (a *Airlock) attack(v *Version, tables []check.Table, unread []string) ([]check.File, error) {
	switch {
	case v.Refused():
		return nil, nil
	case len(tables) == 0:
		v.NoScorecard = NoTable
		return nil, nil
	}
	pages, leaks, err := a.Scorecard(v.Permit, v.Threshold, filesHash(v.leaves()), tables, unread)
	if err != nil {
		return nil, err
	}
	if leaks {
		c, _ := check.Lookup("scorecard-leaks")
		v.Findings = append(v.Findings, check.Finding{Check: c.ID, Severity: c.Severity, Count: 1})
	}
	var files []check.File
	for _, p := range pages {
		name := check.ScorecardFolder + "/" + p.Name
		v.Files = append(v.Files, File{Name: name, SHA256: sum(p.Content), Size: int64(len(p.Content)), Kind: kindScorecard})
		files = append(files, check.File{Name: name, Bytes: p.Content})
	}
	return files, nil
}

// clean removes what an interrupted submission left: files that were not put in
// their place, and a folder for a version that was never written. The caller
// holds the lock.
func (a *Airlock) clean() {
	for _, pattern := range []string{"files/.new-*", "groups/*/*/.new-*", "register/.new-*"} {
		left, _ := filepath.Glob(filepath.Join(a.dir, pattern))
		for _, path := range left {
			os.Remove(path)
		}
	}
	versions, _ := filepath.Glob(filepath.Join(a.dir, "groups", "*", "*"))
	for _, path := range versions {
		os.Remove(path) // fails for a folder that holds something
	}
	groups, _ := filepath.Glob(filepath.Join(a.dir, "groups", "*"))
	for _, path := range groups {
		os.Remove(path)
	}
}

// permit returns a permit that is in force.
func (a *Airlock) permit(ctx context.Context, id string) (permit.Permit, error) {
	p, err := a.Permit(ctx, id)
	if err != nil {
		return permit.Permit{}, err
	}
	if state := p.State(a.Now()); state != permit.Active {
		return permit.Permit{}, galien.Errorf(galien.Denied, "permit %s is not in force (%s): nothing enters or leaves the airlock under it", id, state)
	}
	return p, nil
}

// mayAsk fails when the account is none of the permit's, or the permit lets
// nothing out.
func mayAsk(p permit.Permit, account string) error {
	if !slices.Contains(p.Terms.People, "*") && !slices.Contains(p.Terms.People, account) {
		return galien.Errorf(galien.Denied, "permit %s is for other accounts than yours: ask its holder, or ask for an amendment", p.ID)
	}
	if p.Terms.Level != permit.LevelAggregates && p.Terms.Level != permit.LevelRows {
		return galien.Errorf(galien.Denied, "permit %s lets counts alone out: ask for an amendment", p.ID)
	}
	return nil
}

// denied writes a refusal down and returns it.
func (a *Airlock) denied(ctx context.Context, action, permitID string, refusal error) error {
	if galien.KindOf(refusal) != galien.Denied {
		return refusal
	}
	if err := a.note(ctx, action, "denied", permitID, "", map[string]string{"reason": refusal.Error()}); err != nil {
		return fmt.Errorf("%w (and the refusal could not be written down: %w)", refusal, err)
	}
	return refusal
}

// Difference says how a version's files differ from those of the one before.
type Difference struct {
	Name string `json:"name"`
	// Change is "added", "removed" or "changed".
	Change string `json:"change"`
	// Lines are those that differ, of a text that is not too long: "-" before
	// what was, "+" before what is.
	Lines []string `json:"lines,omitempty"`
}

// Differences compares a version with the one before it.
func (a *Airlock) Differences(v Version) ([]Difference, error) {
	if v.Version < 2 {
		return nil, nil
	}
	was, err := a.Version(v.Group, v.Version-1)
	if err != nil {
		return nil, err
	}
	if was.SHA256 != v.Previous {
		return nil, galien.Errorf(galien.Corrupt, "airlock: version %d of %s is not the one that version %d followed", was.Version, v.Group, v.Version)
	}
	var out []Difference
	for _, f := range v.Files {
		old, ok := was.file(f.Name)
		switch {
		case f.Kind == kindScorecard: // it follows from the others
		case !ok:
			out = append(out, Difference{Name: f.Name, Change: "added"})
		case old.SHA256 != f.SHA256:
			x, err1 := a.bytes(old)
			y, err2 := a.bytes(f)
			if err := errors.Join(err1, err2); err != nil {
				return nil, err
			}
			out = append(out, Difference{Name: f.Name, Change: "changed", Lines: differ(x, y)})
		}
	}
	for _, f := range was.Files {
		if _, ok := v.file(f.Name); !ok && f.Kind != kindScorecard {
			out = append(out, Difference{Name: f.Name, Change: "removed"})
		}
	}
	return out, nil
}
