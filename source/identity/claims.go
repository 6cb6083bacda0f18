package identity

import (
	"context"
	"strconv"
	"strings"
	"time"

	"galien"
	"galien/vault/link"
)

// fillings of a year of birth that is not known, and of a fictitious number.
const (
	noYear     = 1600
	fictitious = "08"
)

// readClaims gathers the beneficiaries of claims under their own number, and
// gives them the hospital stays that carry one of their numbers.
func (s *Source) readClaims(ctx context.Context, files []file) error {
	byNumber := map[string][]string{} // BEN_NIR_PSA to the ids of persons
	postcodes := map[string]string{}
	read := func(kind string, needs []string, yield func(file, row)) error {
		for _, f := range files {
			if f.kind != kind {
				continue
			}
			n, err := rows(ctx, f, needs, func(r row) { yield(f, r) })
			if err != nil {
				return err
			}
			s.Report.Files = append(s.Report.Files, FileReport{File: f.name, Kind: f.kind, Lines: n})
		}
		return nil
	}
	err := read(kindPersons, []string{"BEN_NIR_PSA", "BEN_RNG_GEM"}, func(_ file, r row) {
		if r.get("BEN_CDI_NIR") == fictitious {
			s.Report.Fictitious++
			return
		}
		psa, own := r.get("BEN_NIR_PSA"), r.get("BEN_NIR_ANO")
		if psa == "" {
			return
		}
		id := own
		if id == "" {
			id = psa + r.get("BEN_RNG_GEM")
		}
		t := s.person(id)
		if t.Sex == link.UnknownSex {
			t.Sex = link.SexOf(r.get("BEN_SEX_COD"))
		}
		if year, _ := strconv.Atoi(r.get("BEN_NAI_ANN")); year > noYear {
			month, _ := strconv.Atoi(r.get("BEN_NAI_MOI"))
			add(&t.Births, link.BirthOf(year, month, 0))
		}
		if code := commune(r.get("BEN_RES_DPT"), r.get("BEN_RES_COM")); code != "" {
			add(&t.Places, link.Place{Code: code})
		}
		add(&t.Numbers, link.Number{System: link.HolderChain, Value: psa})
		if own != "" {
			add(&t.Numbers, link.Number{System: link.OwnChain, Value: own})
		}
		ids := byNumber[psa]
		add(&ids, id)
		byNumber[psa] = ids
	})
	if err != nil {
		return err
	}
	err = read(kindGeography, []string{"ETA_NUM", "RSA_NUM"}, func(f file, r row) {
		postcodes[f.year+"|"+r.get("ETA_NUM")+"|"+r.get("RSA_NUM")] = r.get("BDI_COD")
	})
	if err != nil {
		return err
	}
	return read(kindStays, []string{"ETA_NUM", "RSA_NUM", "NIR_ANO_17"}, func(f file, r row) {
		id := f.year + "|" + r.get("ETA_NUM") + "|" + r.get("RSA_NUM")
		entry, in := claimsDate(r.get("EXE_SOI_DTD"), r.get("ENT_DAT"))
		exit, out := claimsDate(r.get("EXE_SOI_DTF"), r.get("SOR_DAT"))
		holders := byNumber[r.get("NIR_ANO_17")]
		// An error of grouping (GHM in 90) says nothing of who the person is.
		if returned(r) || len(holders) == 0 || !in || !out {
			s.Report.DroppedStays++
			return
		}
		for _, person := range holders {
			t := s.people[person]
			t.Stays = append(t.Stays, link.Stay{Establishment: r.get("ETA_NUM"), Entry: entry, Exit: exit, ID: id})
			if p := postcodes[id]; p != "" {
				add(&t.Places, link.Place{Postcode: true, Code: p})
			}
		}
	})
}

// returned reports whether a return code of the chaining is not 0.
func returned(r row) bool {
	for _, code := range []string{"NIR_RET", "NAI_RET", "SEX_RET", "SEJ_RET", "FHO_RET", "PMS_RET", "DAT_RET", "COH_NAI_RET", "COH_SEX_RET"} {
		if x := r.get(code); x != "" && x != "0" {
			return true
		}
	}
	return false
}

// commune returns the INSEE code of a department and commune of claims; empty
// when they are not known. Overseas, the general scheme writes 097 and three
// digits, the MSA 97x and three, the RSI 97x and 0 with two.
func commune(department, code string) string {
	if len(department) != 3 || len(code) != 3 || department == "000" || code == "000" || code == "099" || code == "999" {
		return ""
	}
	switch {
	case department[:2] == "97" && code[0] == '0':
		return department + code[1:]
	case department[:2] == "97":
		return "97" + code
	case department[:2] == "20": // 201, 202, 209: Corsica, which part is not said
		return "20" + code
	case department[0] == '0':
		return department[1:] + code
	}
	return ""
}

// claimsDate reads 02JAN2017:00:00:00 or a date in another usual form, else
// JJMMAAAA.
func claimsDate(texts ...string) (galien.Date, bool) {
	for _, text := range texts {
		if len(text) >= 9 && text[2] >= 'A' {
			if t, err := time.Parse("02Jan2006", text[:2]+text[2:3]+strings.ToLower(text[3:5])+text[5:9]); err == nil {
				return galien.DateOf(t), true
			}
		}
		if d, err := dateOf(text); err == nil {
			return d, true
		}
	}
	return 0, false
}
