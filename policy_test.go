package galien_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rule says what one package may import, and how it is built.
type rule struct {
	// first are the packages of this module it may import, without "galien/";
	// the root package is open to all.
	first []string
	// third are the modules of others it may import.
	third []string
	// cgo is set for the packages that need a C compiler, directly or through
	// an import. All others build with CGO_ENABLED=0, and the test tries.
	cgo bool
	// pure is set for packages without files, network, clock or randomness.
	pure bool
	// clock is set for packages that may read the clock: the wiring, and what
	// only runs in tests. Others are given the time.
	clock bool
}

// Modules by short name, so that the table reads.
const (
	arrow    = "github.com/apache/arrow-go/v18"
	duckdbGo = "github.com/duckdb/duckdb-go/v2"
	cobra    = "github.com/spf13/cobra"
	progress = "github.com/schollz/progressbar/v3"
	sqlite   = "modernc.org/sqlite"
	yaml     = "github.com/goccy/go-yaml"
	humanize = "github.com/dustin/go-humanize"
	xmod     = "golang.org/x/mod"
	xnet     = "golang.org/x/net"
	xsys     = "golang.org/x/sys"
	xterm    = "golang.org/x/term"
	gonum    = "gonum.org/v1/gonum"
	compress = "github.com/klauspost/compress"
	circl    = "github.com/cloudflare/circl"
	xcrypto  = "golang.org/x/crypto"
	xtext    = "golang.org/x/text"
	roaring  = "github.com/RoaringBitmap/roaring"
	cedar    = "github.com/cedar-policy/cedar-go"
)

// policy is the table of who may import whom. A package that is not in it
// fails the test: adding a line here is a decision, made in review.
var policy = map[string]rule{
	"":        {pure: true},
	"refdata": {},
	"durable": {third: []string{xsys}},

	// receive, standardise
	"cdm":                {pure: true},
	"cdm/gen":            {first: []string{"cdm", "refdata"}},
	"vault":              {first: []string{"durable"}, third: []string{circl, sqlite, xcrypto, xtext}},
	"vault/link":         {first: []string{"vault"}, pure: true},
	"vault/linkfile":     {first: []string{"durable", "vault", "vault/link"}},
	"source/identity":    {first: []string{"source/pmsi", "vault", "vault/link"}, cgo: true},
	"source":             {first: []string{"durable", "cdm"}},
	"source/omop":        {first: []string{"cdm", "lake", "lake/writer", "lake/duck", "source", "vault"}, third: []string{arrow}, cgo: true},
	"source/codes":       {first: []string{"lake", "lake/duck", "source", "vocab"}, cgo: true},
	"source/mappingtest": {first: []string{"lake/duck", "source"}, cgo: true},
	"source/snds":        {first: []string{"cdm", "lake", "lake/writer", "lake/duck", "source", "source/codes", "vault", "vocab"}, third: []string{compress}, cgo: true},
	"source/snds/gen":    {first: []string{"refdata"}},
	"source/pmsi":        {first: []string{"cdm", "lake", "lake/writer", "lake/duck", "source", "source/codes", "vault", "vocab"}, cgo: true},
	"source/pmsi/gen":    {first: []string{"refdata"}},
	"vocab/vocabtest":    {},
	"vocab":              {first: []string{"durable", "cdm", "cohort", "lake", "lake/writer", "lake/duck", "source"}, cgo: true},
	"lake":               {first: []string{"durable", "cdm"}, third: []string{arrow}},
	"lake/duck":          {first: []string{"cdm", "lake"}, third: []string{duckdbGo}, cgo: true},
	"lake/writer":        {first: []string{"cdm", "lake", "lake/duck"}, third: []string{duckdbGo}, cgo: true},

	// govern
	"audit":         {first: []string{"durable"}, third: []string{xmod, xsys}},
	"permit":        {first: []string{"audit", "cdm", "permit/policy"}, third: []string{yaml, sqlite}},
	"permit/policy": {third: []string{cedar}, pure: true},

	// ask
	"cohort":            {pure: true},
	"cohort/circe":      {first: []string{"cohort"}, pure: true},
	"cohort/describe":   {first: []string{"cohort"}, pure: true},
	"cohort/review":     {first: []string{"cohort"}, pure: true},
	"engine/oracle":     {first: []string{"cdm", "cohort", "lake", "permit"}},
	"engine/columnar":   {first: []string{"cdm", "cohort", "lake", "permit"}},
	"engine/sqlplan":    {first: []string{"cohort"}, pure: true},
	"engine/duckdb":     {first: []string{"cdm", "cohort", "engine/sqlplan", "lake", "lake/duck", "permit"}, third: []string{arrow, duckdbGo}, cgo: true},
	"engine/enginetest": {first: []string{"audit", "cdm", "cohort", "cohort/circe", "engine/oracle", "lake", "permit", "refdata"}, clock: true},

	// release
	"study":              {first: []string{"cohort", "disclosure"}, third: []string{gonum}},
	"disclosure":         {pure: true},
	"disclosure/outputs": {first: []string{"disclosure"}, pure: true},
	"release":            {first: []string{"durable", "disclosure", "study"}},
	"release/check":      {first: []string{"disclosure", "disclosure/outputs"}, third: []string{xnet, yaml}, pure: true},
	"release/airlock":    {first: []string{"durable", "audit", "disclosure", "ledger", "permit", "release", "release/check"}, third: []string{xsys}},
	"attack":             {first: []string{"cohort"}, third: []string{gonum}, pure: true},
	"ledger":             {first: []string{"durable"}, third: []string{roaring, xsys}},

	// faces
	"api": {third: []string{xsys}},

	"synth":             {first: []string{"cdm", "synth/life"}},
	"synth/life":        {},
	"synth/snds":        {first: []string{"synth/life"}},
	"examples":          {},
	"cmd/galien-verify": {},
	"cmd/galien":        {first: []string{"*"}, third: []string{arrow, cobra, humanize, progress, xterm}, cgo: true, clock: true},
}

// walls are dependencies that must not exist, however indirect.
var walls = []struct {
	from []string // packages, or folders ending in /
	to   []string
	why  string
}{
	{[]string{"lake", "lake/", "engine/", "study", "disclosure", "disclosure/", "release", "release/"}, []string{"vault", "vault/link", "vault/linkfile", "record"},
		"identities and health data are two worlds: they meet in the ingest command and in the wiring only (hand over a function or a value from cmd/galien)"},
	{[]string{"vault", "vault/"}, []string{"lake", "lake/writer", "engine/columnar", "engine/duckdb", "engine/oracle"},
		"the vault knows no health data"},
	{[]string{"ledger"}, []string{"vault", "lake", "permit", "engine/columnar", "engine/duckdb", "engine/oracle"},
		"the ledger judges sets of person keys that it is given, and knows neither who they are nor what they have"},
	{[]string{"permit", "audit"}, []string{"lake", "engine/columnar", "engine/duckdb", "engine/oracle", "engine/sqlplan", "vault"},
		"the gate decides and writes down; it reads no data"},
	{[]string{"api"}, []string{"vault", "lake", "engine/columnar", "engine/duckdb", "engine/oracle", "permit"},
		"a face hands questions over: what they read, and under which permit, is decided behind the functions that it is given"},
	{[]string{"engine/columnar"}, []string{"engine/duckdb", "engine/oracle", "engine/sqlplan"}, "engines do not know each other: one judges the other"},
	{[]string{"engine/duckdb"}, []string{"engine/columnar", "engine/oracle"}, "engines do not know each other: one judges the other"},
	{[]string{"engine/oracle"}, []string{"engine/columnar", "engine/duckdb", "engine/sqlplan"}, "engines do not know each other: one judges the other"},
	{[]string{"cohort", "cohort/"}, []string{"engine/columnar", "engine/oracle", "engine/duckdb", "engine/sqlplan", "lake", "lake/duck", "permit"},
		"the query model knows no engine"},
}

// impure are the standard packages that a pure package does not import.
var impure = []string{
	"os", "os/exec", "os/user", "os/signal", "io/fs", "io/ioutil", "net", "net/http", "syscall", "unsafe", "runtime/cgo",
	"crypto/rand", "math/rand", "math/rand/v2", "database/sql", "log", "log/slog", "path/filepath", "plugin",
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
	Deps       []string
}

// packages asks the Go toolchain for every package of the module.
func packages(t *testing.T) map[string]listed {
	t.Helper()
	// Reading the folders tells the test cache what this test depends on.
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == ".git" || path == "bin" || path == "demo") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,CgoFiles,Imports,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	all := map[string]listed{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[short(p.ImportPath)] = p
	}
}

// short drops the module's name: "galien/lake" is "lake", "galien" is "".
func short(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, "galien"), "/")
}

func firstParty(path string) bool { return path == "galien" || strings.HasPrefix(path, "galien/") }

func thirdParty(path string) bool {
	return !firstParty(path) && strings.Contains(strings.SplitN(path, "/", 2)[0], ".")
}

// within reports whether an import path belongs to one of the modules.
func within(path string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
}

func TestImportPolicy(t *testing.T) {
	for name, p := range packages(t) {
		r, ok := policy[name]
		if !ok {
			t.Errorf("package %q is not in the import policy.\n\tAdd a line to the table in policy_test.go that says what it may import and whether it needs cgo, and why in docs/decisions.", name)
			continue
		}
		for _, path := range p.Imports {
			switch {
			case firstParty(path):
				if dep := short(path); dep != "" && !slices.Contains(r.first, dep) && !slices.Contains(r.first, "*") {
					t.Errorf("%s imports galien/%s, which its line in policy_test.go does not allow.\n\tPass a value or a function in from the caller instead, or argue for the line in review.", name, dep)
				}
			case thirdParty(path):
				if !within(path, r.third) {
					t.Errorf("%s imports %s, which its line in policy_test.go does not allow.\n\tUse the standard library or the package that owns this dependency; a new dependency needs its sentence in docs/decisions.", name, path)
				}
			case r.pure && slices.Contains(impure, path):
				t.Errorf("%s imports %s, and is to stay free of files, network and randomness.\n\tTake an io.Reader or a value from the caller.", name, path)
			case path == "C":
				t.Errorf("%s uses cgo itself.\n\tOnly the DuckDB driver does.", name)
			}
		}
	}
}

func TestWalls(t *testing.T) {
	all := packages(t)
	for _, w := range walls {
		for name, p := range all {
			if !slices.ContainsFunc(w.from, func(f string) bool {
				return name == f || strings.HasSuffix(f, "/") && strings.HasPrefix(name, f)
			}) {
				continue
			}
			for _, to := range w.to {
				if slices.Contains(p.Deps, "galien/"+to) {
					t.Errorf("%s depends on %s, directly or not.\n\tThis wall does not move: %s.", name, to, w.why)
				}
			}
		}
	}
}

// TestVerifierStandsAlone keeps the verifier of proofs apart: it may depend on
// nothing but the standard library, so that it does not take Galien's word.
func TestVerifierStandsAlone(t *testing.T) {
	for _, path := range packages(t)["cmd/galien-verify"].Deps {
		if firstParty(path) || thirdParty(path) && !strings.HasPrefix(path, "vendor/") {
			t.Errorf("cmd/galien-verify depends on %s.\n\tWrite what it needs into its main.go, with the standard library, in at most 200 lines.", path)
		}
	}
}

// TestCgo holds cgo to the packages that are said to need it, and builds the
// others without a C compiler.
func TestCgo(t *testing.T) {
	var without []string
	for name, p := range packages(t) {
		needs := slices.Contains(p.Deps, duckdbGo)
		switch r := policy[name]; {
		case needs && !r.cgo:
			t.Errorf("%s needs cgo, through DuckDB.\n\tKeep the engine behind its caller, or set cgo in its line of policy_test.go.", name)
		case !r.cgo:
			without = append(without, p.ImportPath)
		}
	}
	slices.Sort(without)
	cmd := exec.Command("go", append([]string{"build", "-o", os.DevNull}, without...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("these packages are to build with CGO_ENABLED=0 and do not: %v\n%s", err, out)
	}
}

// TestClock holds reading the clock to the wiring: elsewhere the time is a
// parameter, so that a result can be made again.
func TestClock(t *testing.T) {
	for name, p := range packages(t) {
		if policy[name].clock {
			continue
		}
		for _, file := range p.GoFiles {
			path := filepath.Join(p.Dir, file)
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
					t.Errorf("%s reads the clock (time.%s).\n\tTake the time as a parameter; the command passes time.Now.", filepath.Join(name, file), sel.Sel.Name)
				}
				return true
			})
		}
	}
}

// TestPolicyIsCurrent finds packages that the table has a line for and that are
// gone.
func TestPolicyIsCurrent(t *testing.T) {
	all := packages(t)
	for name := range policy {
		if _, ok := all[name]; !ok {
			t.Errorf("policy_test.go has a line for package %q, which does not exist.\n\tRemove the line.", name)
		}
	}
}

// TestNames refuses the names of packages and files that say nothing.
func TestNames(t *testing.T) {
	vague := []string{"util", "utils", "helper", "helpers", "common", "misc", "shared", "base", "core"}
	for name, p := range packages(t) {
		if slices.Contains(vague, filepath.Base("/"+name)) {
			t.Errorf("package %q has a name that does not say what it owns.\n\tName it after what it holds.", name)
		}
		for _, file := range p.GoFiles {
			if slices.Contains(vague, strings.TrimSuffix(file, ".go")) {
				t.Errorf("%s has a name that does not say what it holds.\n\tName it after its contents.", filepath.Join(name, file))
			}
			b, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if lines := bytes.Count(b, []byte("\n")); lines > 800 && !strings.HasSuffix(file, "_gen.go") {
				t.Errorf("%s has %d lines.\n\tSplit it by what it is about: 800 is the limit.", filepath.Join(name, file), lines)
			}
		}
	}
}
