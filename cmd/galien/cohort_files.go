package main

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"galien"
)

// refusal is a definition of several that was not evaluated.
type refusal struct {
	id     string // cohort_definition_id, "" when not known
	file   string // base name
	path   string // of the part at fault in the definition's JSON, "" when none
	reason error
}

// faultPath is how a fault of a definition begins when it has a place in the
// JSON.
var faultPath = regexp.MustCompile(`^([A-Za-z_][^\s:]*): (?s:(.+))$`)

// faulty is the refusal of a file that could not be read as a definition.
func faulty(id, path string, err error) refusal {
	r := refusal{id: id, file: filepath.Base(path), reason: err}
	if text, of := strings.CutPrefix(err.Error(), path+": "); of {
		if m := faultPath.FindStringSubmatch(text); m != nil {
			r.path, text = m[1], m[2]
		}
		r.reason = galien.Errorf(galien.KindOf(err), "%s", text)
	}
	return r
}

// readDefinitions reads files and folders of definitions, by id. With a single
// file, its fault is the command's; among several, a faulty one is set aside,
// and so is every file of those that claim the same id.
func readDefinitions(stdin io.Reader, paths []string, id int64) ([]definition, []refusal, error) {
	files, err := definitionFiles(paths)
	if err != nil {
		return nil, nil, err
	}
	if len(files) == 1 {
		d, err := readDefinition(stdin, files[0], id)
		return []definition{d}, nil, err
	}
	if id != 0 {
		return nil, nil, galien.Errorf(galien.Invalid, "--id names one cohort, but %d files are given", len(files))
	}
	ids := make([]string, len(files))
	claims := map[string][]string{}
	for i, f := range files {
		if n, err := strconv.ParseInt(firstNumber.FindString(filepath.Base(f)), 10, 64); err == nil {
			ids[i] = strconv.FormatInt(n, 10)
			claims[ids[i]] = append(claims[ids[i]], f)
		}
	}
	var all []definition
	var refused []refusal
	for i, f := range files {
		if c := claims[ids[i]]; len(c) > 1 {
			refused = append(refused, refusal{id: ids[i], file: filepath.Base(f), reason: galien.Errorf(galien.Conflict,
				"cohort %s is claimed by %d files, %s: rename all but one", ids[i], len(c), strings.Join(c, ", "))})
			continue
		}
		d, err := readDefinition(stdin, f, 0)
		if err != nil {
			refused = append(refused, faulty(ids[i], f, err))
			continue
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b definition) int { return cmp.Compare(a.id, b.id) })
	return all, refused, nil
}

// definitionFiles lists the files that are meant, each once: a folder stands
// for its *.json files.
func definitionFiles(paths []string) ([]string, error) {
	var files []string
	seen := map[string]bool{}
	add := func(path string) {
		if clean := filepath.Clean(path); !seen[clean] {
			seen[clean] = true
			files = append(files, path)
		}
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			add(p)
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, galien.Errorf(galien.Invalid, "list definitions: %w", err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".json") {
				add(filepath.Join(p, e.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil, galien.Errorf(galien.NotFound, "no definition: the folder holds no .json file")
	}
	return files, nil
}

// writeRefused lists the definitions that were not evaluated, by id and file.
func writeRefused(o *output, refused []refusal) error {
	if len(refused) == 0 {
		return nil
	}
	number := func(r refusal) int64 {
		n, err := strconv.ParseInt(r.id, 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	slices.SortStableFunc(refused, func(a, b refusal) int {
		return cmp.Or(cmp.Compare(number(a), number(b)), cmp.Compare(a.file, b.file))
	})
	t, err := o.table("refused.csv", "cohort_definition_id", "file", "path", "reason")
	if err != nil {
		return err
	}
	for _, r := range refused {
		_ = t.row(r.id, r.file, r.path, r.reason.Error()) // close returns the first error
	}
	return t.close()
}
