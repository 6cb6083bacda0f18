package airlock

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"galien"
	"galien/audit"
	"galien/permit"
	"galien/release"
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
		Date: galien.DateOf(a.Now()), Group: v.Group, Version: v.Version, Files: v.leaves()}
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
	details := place(v)
	details["files"] = strconv.Itoa(len(e.Files))
	if err := a.note(ctx, ActionRelease, "delivered", v.Permit, v.SHA256, details); err != nil {
		return Entry{}, err
	}
	a.reached("after the entry")
	if left := released(register, v); left != nil {
		e = *left
	} else if e, err = a.add(register, e); err != nil {
		return Entry{}, err
	}
	a.reached("after the register")
	return e, release.Place(out, files)
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
// the hash of the document that it is about.
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
	}
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
	var announced map[announcement]audit.Entry
	whole := false
	if len(all) > 0 {
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
	register, err := a.Register()
	if err != nil {
		return 0, 0, err
	}
	for _, e := range register {
		if e.Kind == KindTable {
			continue // the gate's entry about it names no line
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
