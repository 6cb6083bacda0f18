package airlock

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"galien"
	"galien/audit"
	"galien/ledger"
	"galien/permit"
	"galien/release"
	"galien/release/check"
)

// Release writes the files of the latest version of a group, as two reviewers
// accepted them, into the folder out, whole or not at all. The permit must still
// be in force. The audit log and the public register say so first. Releasing the
// same version again writes the same bytes, and another entry into the log.
func (a *Airlock) Release(ctx context.Context, group, out string) (Entry, error) {
	if err := a.prepare(); err != nil {
		return Entry{}, err
	}
	unlock, err := a.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	a.clean()
	v, err := a.Version(group, 0)
	if err != nil {
		return Entry{}, err
	}
	if err := a.authorise(ctx, ActionRelease, v.Permit); err != nil {
		return Entry{}, err
	}
	p, err := a.permit(ctx, v.Permit)
	if err != nil {
		return Entry{}, a.denied(ctx, ActionRelease, v.Permit, err)
	}
	reviews, err := a.reviews(v)
	if err != nil {
		return Entry{}, err
	}
	if state := verdict(reviews); v.Refused() || state != Accepted {
		if v.Refused() {
			state = RefusedByChecks
		}
		return Entry{}, a.denied(ctx, ActionRelease, v.Permit, galien.Errorf(galien.Denied, "nothing of the group may leave: it is %s", state))
	}
	announced, _, err := a.announcements(ctx)
	if err == nil {
		err = evidence(announced, v, reviews)
	}
	if err != nil {
		return Entry{}, err
	}
	for _, r := range reviews {
		if barred(p, r.Reviewer) {
			return Entry{}, a.denied(ctx, ActionRelease, v.Permit, galien.Errorf(galien.Denied, "a reviewer is a person of permit %s", p.ID))
		}
	}
	e := Entry{Kind: KindReviewed, Title: v.Title, Permit: v.Permit, Purpose: p.Terms.Purpose, PurposeKind: p.Terms.PurposeKind,
		Date: galien.DateOf(a.Now()), Group: v.Group, Version: v.Version, Files: v.leaves(), FilesSHA256: filesHash(v.leaves()), NoScorecard: v.WhyNoScorecard(), Ledger: v.Ledger}
	var files []release.File
	for _, f := range v.Files {
		b, err := a.bytes(f)
		if err != nil {
			return Entry{}, err
		}
		for i, r := range reviews {
			if !r.saw(f) {
				return Entry{}, galien.Errorf(galien.Corrupt, "airlock: %s is not what %s accepted", f.Name, reviewFile(i+1))
			}
		}
		if f.Stays {
			continue
		}
		files = append(files, release.File{Name: f.Name, Content: b})
	}
	register, err := a.Register()
	if err != nil {
		return Entry{}, err
	}
	left := released(register, v)
	m, err := a.manifest(v)
	if err != nil {
		return Entry{}, err
	}
	if left == nil {
		tables, others, err := a.tables(v, m)
		if err != nil {
			return Entry{}, err
		}
		if err := a.since(v, m, tables, register); err != nil {
			return Entry{}, a.denied(ctx, ActionRelease, v.Permit, err)
		}
		if e.Ledger == nil { // of before it was counted at submission
			judged, err := a.judged(ctx, m, tables, others, int64(v.Threshold))
			if err != nil {
				return Entry{}, err
			}
			e.Ledger = &judged
		}
	}
	reference, err := a.enter(ctx, v, m, e.Ledger)
	if err != nil {
		return Entry{}, err
	}
	a.reached("after the ledger")
	details := place(v)
	details["files"], details[FilesDetail], details["ledger"] = strconv.Itoa(len(e.Files)), filesHash(e.Files), reference
	if err := a.note(ctx, ActionRelease, "delivered", v.Permit, v.SHA256, details); err != nil {
		return Entry{}, err
	}
	a.reached("after the entry")
	if left != nil {
		e = *left
	} else if e, err = a.add(register, e); err != nil {
		return Entry{}, err
	}
	a.reached("after the register")
	return e, release.Place(out, files)
}

// enter writes the release of a version into the ledger, once.
func (a *Airlock) enter(ctx context.Context, v Version, m check.Manifest, judged *ledger.Reviewed) (reference string, err error) {
	r := ledger.Reviewed{Group: v.Group, Version: v.Version}
	if judged != nil { // nil of what has its record already
		r.Numbers, r.Judged, r.Unread = judged.Numbers, judged.Judged, judged.Unread
	}
	definition := ""
	if len(m.Cohort) > 0 {
		definition = check.Definition(m.Cohort[0])
	}
	return a.Ledger.Enter(ctx, ledger.Record{Time: a.Now(), Actor: a.Actor, Action: ActionRelease, Permit: v.Permit, Definition: definition,
		Threshold: int64(v.Threshold), Reviewed: &r})
}

// manifest reads the manifest of a version.
func (a *Airlock) manifest(v Version) (check.Manifest, error) {
	f, ok := v.file(check.ManifestFile)
	if !ok {
		return check.Manifest{}, galien.Errorf(galien.Corrupt, "airlock: version %d of %s has no manifest", v.Version, v.Group)
	}
	b, err := a.bytes(f)
	if err != nil {
		return check.Manifest{}, err
	}
	return check.ParseManifest(b)
}

// saw reports whether a reviewer accepted these bytes of the file.
func (r Review) saw(f File) bool {
	for _, x := range r.Files {
		if x.Name == f.Name {
			return x.SHA256 == f.SHA256 && (x.Verdict == Accept || r.Verdict == Refuse)
		}
	}
	return false
}

// announcement names what an entry of the audit log announced: an action, and
// the hash of the document that it is about; of a table of the hub, that of the
// list of its files.
type announcement struct{ action, subject string }

// announcements are what the audit log announced: who did what to which document
// under which permit. whole is false when entries were removed from the log
// because their time was up.
func (a *Airlock) announcements(ctx context.Context) (all map[announcement]audit.Entry, whole bool, err error) {
	all, whole = map[announcement]audit.Entry{}, true
	err = a.Log.Entries(ctx, func(_ int64, e audit.Entry) error {
		whole = whole && !e.Time.IsZero()
		switch e.Action {
		case ActionSubmit, ActionReview, ActionRelease:
			if e.Subject != "" {
				all[announcement{e.Action, e.Subject}] = e
			}
		case string(permit.Release):
			if hash := e.Details[FilesDetail]; hash != "" && e.Outcome == "delivered" {
				all[announcement{e.Action, hash}] = e
			}
		}
		return nil
	})
	return all, whole, err
}

// evidence checks a version and its reviews against one another and against the
// audit log, which announced each of them by its hash: no document that the log
// does not know decides anything.
func evidence(announced map[announcement]audit.Entry, v Version, reviews []Review) error {
	e, ok := announced[announcement{ActionSubmit, v.SHA256}]
	if !ok || e.Actor != v.Author || e.Permit != v.Permit {
		return galien.Errorf(galien.Corrupt, "airlock: the audit log knows no submission of version %d of %s", v.Version, v.Group)
	}
	seen := map[string]bool{v.Author: true}
	for i, r := range reviews {
		e, ok := announced[announcement{ActionReview, r.SHA256}]
		switch {
		case r.Submission != v.SHA256:
			return galien.Errorf(galien.Corrupt, "airlock: %s is of another submission", reviewFile(i+1))
		case !ok || e.Actor != r.Reviewer || e.Permit != v.Permit:
			return galien.Errorf(galien.Corrupt, "airlock: the audit log knows no such %s", reviewFile(i+1))
		case seen[r.Reviewer]:
			return galien.Errorf(galien.Corrupt, "airlock: %s is by an author, or by somebody who reviewed already", reviewFile(i+1))
		}
		seen[r.Reviewer] = true
	}
	return nil
}

// ReleaseTable enters a table that disclosure control cleared into the public
// register and writes its folder. The gate has written the delivery down.
func (a *Airlock) ReleaseTable(ctx context.Context, title string, terms permit.Terms, permitID string, files []release.File, out string) (Entry, error) {
	if err := a.prepare(); err != nil {
		return Entry{}, err
	}
	unlock, err := a.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	a.clean()
	e := Entry{Kind: KindTable, Title: title, Permit: permitID, Purpose: terms.Purpose, PurposeKind: terms.PurposeKind, Date: galien.DateOf(a.Now())}
	for _, f := range files {
		e.Files = append(e.Files, RegisterFile{Name: f.Name, SHA256: sum(f.Content), Size: int64(len(f.Content))})
		// What later outputs are compared with.
		if !slices.Contains(keptFiles, f.Name) {
			continue
		}
		if err := keep(filepath.Join(a.dir, "files", sum(f.Content)), f.Content); err != nil && galien.KindOf(err) != galien.Conflict {
			return Entry{}, err
		}
	}
	e.FilesSHA256 = filesHash(e.Files)
	register, err := a.Register()
	if err != nil {
		return Entry{}, err
	}
	if e, err = a.add(register, e); err != nil {
		return Entry{}, err
	}
	return e, release.Place(out, files)
}

// Check reads every version, review, file and line of the register, compares them
// with what the audit log announced, and returns how many groups and files there
// are. It fails with Corrupt for any damage.
func (a *Airlock) Check(ctx context.Context) (groups, files int, err error) {
	all, err := a.Groups()
	if err != nil {
		return 0, 0, err
	}
	register, err := a.Register()
	if err != nil {
		return 0, 0, err
	}
	var announced map[announcement]audit.Entry
	whole := false
	if len(all)+len(register) > 0 {
		if announced, whole, err = a.announcements(ctx); err != nil {
			return 0, 0, err
		}
	}
	seen := map[string]bool{}
	for _, last := range all {
		for n := 1; n <= last.Version; n++ {
			v, err := a.Version(last.Group, n)
			if err != nil {
				return 0, 0, galien.Errorf(galien.Corrupt, "airlock: version %d of %s: %w", n, last.Group, err)
			}
			reviews, err := a.reviews(v)
			if err == nil && whole {
				err = evidence(announced, v, reviews)
			}
			if err != nil {
				return 0, 0, fmt.Errorf("version %d of %s: %w", n, last.Group, err)
			}
			for _, f := range v.Files {
				if err := ctx.Err(); err != nil {
					return 0, 0, err
				}
				if seen[f.SHA256] {
					continue
				}
				seen[f.SHA256] = true
				if _, err := a.bytes(f); err != nil {
					return 0, 0, fmt.Errorf("version %d of %s: %w", n, last.Group, err)
				}
			}
		}
	}
	for _, e := range register {
		if e.Kind == KindTable {
			if err := a.checkTable(e, announced, whole, seen); err != nil {
				return 0, 0, err
			}
			continue
		}
		v, err := a.Version(e.Group, e.Version)
		if err != nil {
			return 0, 0, galien.Errorf(galien.Corrupt, "airlock: line %d of the register: %w", e.Number, err)
		}
		_, known := announced[announcement{ActionRelease, v.SHA256}]
		if whole && !known || !slices.Equal(e.Files, v.leaves()) {
			return 0, 0, galien.Errorf(galien.Corrupt, "airlock: line %d of the register is of files that the audit log does not know as released", e.Number)
		}
	}
	return len(all), len(seen), nil
}

// checkTable checks the line of a table of the hub: that the audit log knows its
// files as delivered, and that the bytes that are kept are theirs.
func (a *Airlock) checkTable(e Entry, announced map[announcement]audit.Entry, whole bool, seen map[string]bool) error {
	if e.FilesSHA256 != "" {
		by, known := announced[announcement{string(permit.Release), e.FilesSHA256}]
		if e.FilesSHA256 != filesHash(e.Files) || whole && (!known || by.Permit != e.Permit) {
			return galien.Errorf(galien.Corrupt, "airlock: line %d of the register is of files that the audit log does not know as delivered", e.Number)
		}
	}
	for _, f := range e.kept() {
		if seen[f.SHA256] {
			continue
		}
		seen[f.SHA256] = true
		if _, err := a.bytes(f); err != nil {
			return fmt.Errorf("line %d of the register: %w", e.Number, err)
		}
	}
	return nil
}
