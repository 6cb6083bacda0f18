package attack

// OnExtract attacks the persons of an extract: at most `targets` of them by each
// attack. The caller fills in the provenance of the report.
func OnExtract(p People, targets, threshold int, r Random) Report {
	t := p.Table
	everyone := upTo(t.Len())
	measures := Measure(t, everyone, p.Known, nil, threshold)
	out := Report{Format: 1, Kind: Extract, Targets: targets, Threshold: threshold, Measures: &measures}
	for _, c := range p.Known {
		out.Known = append(out.Known, t.columns[c].Name)
	}
	main, control := Halve(t, r)
	// One attribute, some of them, and all that is known.
	tried := map[int]bool{}
	for _, n := range []int{1, (len(p.Known) + 1) / 2, len(p.Known)} {
		if tried[n] && n > 0 {
			continue
		}
		tried[n] = true
		f := SinglingOut(t, main, control, p.Known, n, targets, r)
		f.Attributes = n
		out.Findings = append(out.Findings, f)
		if f.Verdict == NotTried {
			break
		}
	}
	out.Findings = append(out.Findings, Linkage(t, main, control, p.Known, targets, r))
	if len(p.Secrets) == 0 {
		out.Findings = append(out.Findings, skipped(InferenceName, "", NoSecret))
	}
	for _, secret := range p.Secrets {
		out.Findings = append(out.Findings, Inference(t, main, control, p.Known, secret, targets, r))
		out.Diversity = append(out.Diversity, Diverse(t, everyone, p.Known, secret))
	}
	return out
}
