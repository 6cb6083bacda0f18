package omop

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"galien"
	"galien/cdm"
	"galien/source"
)

// The years that a date of a person's life may have.
const (
	firstYear = 1800
	lastYear  = 2300
)

// isNull reports whether a field that is not text says "no value". A text is
// null only when it is empty or \N.
func isNull(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 2:
		return string(b) == `\N` || string(b) == "NA"
	case 3:
		return string(b) == "NaN" || string(b) == "nan"
	case 4:
		return strings.EqualFold(string(b), "null")
	}
	return false
}

// value reads a field as a value of the lake: nil, int64, float64, string,
// galien.Date or time.Time. An empty code means that it is good.
func value(t cdm.Type, b []byte, plausible bool) (any, source.Code) {
	if t == cdm.Text {
		if len(b) == 0 || string(b) == `\N` {
			return nil, ""
		}
		return string(b), ""
	}
	b = bytes.TrimSpace(b)
	if isNull(b) {
		return nil, ""
	}
	switch t {
	case cdm.Integer:
		n, code := integer(b)
		if code != "" {
			return nil, code
		}
		return n, ""
	case cdm.Float:
		f, code := float(b)
		if code != "" {
			return nil, code
		}
		return f, ""
	}
	d, clock, code := datetime(b)
	if code == "" && plausible {
		if y := d.Year(); y < firstYear || y > lastYear {
			code = source.ImplausibleDate
		}
	}
	switch {
	case code != "":
		return nil, code
	case t == cdm.Date:
		return d, ""
	}
	return time.Unix(int64(d)*86400, 0).UTC().Add(clock), ""
}

// integer reads a whole number, also one written as 1.0 or 1e+05.
func integer(b []byte) (int64, source.Code) {
	if n, ok := digits(b); ok {
		return n, ""
	}
	s := string(b)
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		return n, ""
	}
	if numErr, ok := err.(*strconv.NumError); ok && numErr.Err == strconv.ErrRange {
		return 0, source.OutOfRange
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok && whole != "" && strings.Trim(fraction, "0") == "" {
		return integer([]byte(whole))
	}
	f, code := float(b)
	switch {
	case code != "" || f != math.Trunc(f):
		return 0, source.NotInteger
	case math.Abs(f) > 1<<53:
		// A double this large has lost digits.
		return 0, source.OutOfRange
	}
	return int64(f), ""
}

// digits is the fast path for short numbers without a sign.
func digits(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// float reads a finite decimal number.
func float(b []byte) (float64, source.Code) {
	for _, c := range b {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, source.NotNumber
		}
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		if numErr, ok := err.(*strconv.NumError); ok && numErr.Err == strconv.ErrRange {
			return 0, source.OutOfRange
		}
		return 0, source.NotNumber
	}
	return f, ""
}

// datetime reads YYYY-MM-DD or YYYYMMDD, with or without a time of day. A zone
// is dropped: the model's times have none, and what counts is the day and hour
// at the place of care.
func datetime(b []byte) (galien.Date, time.Duration, source.Code) {
	var y, m, day int64
	var rest []byte
	var okY, okM, okD bool
	switch {
	case len(b) >= 10 && b[4] == '-' && b[7] == '-':
		y, okY = digits(b[:4])
		m, okM = digits(b[5:7])
		day, okD = digits(b[8:10])
		rest = b[10:]
	case len(b) == 8:
		y, okY = digits(b[:4])
		m, okM = digits(b[4:6])
		day, okD = digits(b[6:8])
	}
	if !okY || !okM || !okD {
		return 0, 0, source.NotDate
	}
	d, ok := galien.NewDate(int(y), int(m), int(day))
	if !ok {
		return 0, 0, source.NotDate
	}
	if len(rest) == 0 {
		return d, 0, ""
	}
	clock, ok := timeOfDay(rest)
	if !ok {
		return 0, 0, source.NotDate
	}
	return d, clock, ""
}

// timeOfDay reads " HH:MM[:SS[.fraction]]" and a zone, which is dropped.
func timeOfDay(b []byte) (time.Duration, bool) {
	if len(b) < 6 || b[0] != ' ' && b[0] != 'T' || b[3] != ':' {
		return 0, false
	}
	h, okH := digits(b[1:3])
	m, okM := digits(b[4:6])
	if !okH || !okM || h > 23 || m > 59 {
		return 0, false
	}
	clock := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	b = b[6:]
	if len(b) >= 3 && b[0] == ':' {
		s, ok := digits(b[1:3])
		if !ok || s > 59 {
			return 0, false
		}
		clock += time.Duration(s) * time.Second
		b = b[3:]
		if len(b) >= 2 && b[0] == '.' {
			n := 1
			unit := time.Second
			for ; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
				unit /= 10
				clock += time.Duration(b[n]-'0') * unit
			}
			if n == 1 || n > 10 {
				return 0, false
			}
			b = b[n:]
		}
	}
	return clock.Truncate(time.Microsecond), zone(bytes.TrimSpace(b))
}

// zone reports whether b is "", Z, UTC or an offset.
func zone(b []byte) bool {
	switch string(b) {
	case "", "Z", "z", "UTC":
		return true
	}
	if b[0] != '+' && b[0] != '-' {
		return false
	}
	b = b[1:]
	if len(b) == 5 && b[2] == ':' {
		_, okH := digits(b[:2])
		_, okM := digits(b[3:])
		return okH && okM
	}
	_, ok := digits(b)
	return ok && (len(b) == 2 || len(b) == 4)
}
