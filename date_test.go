package galien

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// The standard library's calendar is the independent judge of ours.
func TestDateAgreesWithTime(t *testing.T) {
	for day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 10000; day = day.AddDate(0, 0, 11) {
		d := DateOf(day)
		if got, want := int64(d), day.Unix()/86400; got != want {
			t.Fatalf("%s: day number %d, want %d", day.Format(time.DateOnly), got, want)
		}
		if d.String() != day.Format(time.DateOnly) {
			t.Fatalf("day %d prints %s, want %s", d, d, day.Format(time.DateOnly))
		}
		back, err := ParseDate(d.String())
		if err != nil || back != d {
			t.Fatalf("%s does not read back: %v", d, err)
		}
	}
}

func TestParseDateRefuses(t *testing.T) {
	for _, s := range []string{"", "2019-02-30", "2019-2-3", "0000-01-01", "2019-13-01", "20190101", "2019-01-01T00:00", "2019/01/01", "1900-02-29", "٢٠١٩-01-01"} {
		if d, err := ParseDate(s); err == nil {
			t.Errorf("%q read as %s", s, d)
		} else if KindOf(err) != Invalid {
			t.Errorf("%q: kind %s, want invalid", s, KindOf(err))
		}
	}
	if d, err := ParseDate("2000-02-29"); err != nil || d.AddDays(1).String() != "2000-03-01" {
		t.Errorf("leap day of 2000: %v %v", d, err)
	}
}

func TestKindOf(t *testing.T) {
	base := errors.New("disk")
	err := fmt.Errorf("read manifest: %w", Errorf(Corrupt, "hash differs: %w", base))
	if KindOf(err) != Corrupt || !errors.Is(err, base) {
		t.Errorf("kind %s, base kept %v", KindOf(err), errors.Is(err, base))
	}
	if KindOf(base) != Internal {
		t.Errorf("an error that states no kind is %s", KindOf(base))
	}
}
