package check

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"galien"
)

// ManifestFile is the name of the manifest in a folder of outputs.
const ManifestFile = "outputs.yaml"

// maxManifest is the largest manifest, in bytes.
const maxManifest = 256 << 10

// Kind is what an output is.
type Kind string

// The kinds of output.
const (
	KindTable      Kind = "table"
	KindQuantiles  Kind = "quantiles"
	KindRegression Kind = "regression"
	KindSurvival   Kind = "survival"
	KindFigure     Kind = "figure"
	KindText       Kind = "text"
	KindModel      Kind = "model"
	KindCode       Kind = "code"
)

// Role is what a column holds.
type Role string

// The roles of columns.
const (
	RoleDimension  Role = "dimension"     // a category; total names the one that is the total
	RoleCount      Role = "count"         // persons; of names the column of the population
	RolePopulation Role = "population"    // persons among whom they are counted
	RoleEvents     Role = "events"        // events, held to the rules of persons
	RoleAtRisk     Role = "at_risk"       // persons still followed
	RolePercent    Role = "percent"       // of 100; of or denominator, and count
	RoleProportion Role = "proportion"    // of 1
	RoleRate       Role = "rate"          // per `per`; of names the person-time
	RoleBoth       Role = "count_percent" // "410 (51.3 %)"; of
	RoleTime       Role = "time"
	RolePersonTime Role = "person_time"
	RoleMean       Role = "mean" // count
	RoleSD         Role = "sd"
	RoleQuantile   Role = "quantile" // level, count
	RoleMin        Role = "min"
	RoleMax        Role = "max"
	RoleEstimate   Role = "estimate"
	RoleSE         Role = "se"
	RoleInterval   Role = "interval"
	RolePValue     Role = "p_value"
	RoleFreedom    Role = "freedom"
	RoleSurvival   Role = "survival"
	RoleResidual   Role = "residual"
	RoleText       Role = "text"
)

// Manifest says what the files of a group are.
type Manifest struct {
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Population  string   `yaml:"population"`
	Cohort      []string `yaml:"cohort"`
	Recipient   string   `yaml:"recipient"`
	Persons     int64    `yaml:"persons"`
	// Rounding is the base that counts are rounded to, or "exact".
	Rounding string   `yaml:"rounding"`
	Related  string   `yaml:"related"`
	Changes  string   `yaml:"changes"`
	Outputs  []Output `yaml:"outputs"`

	text string // as it was read: it leaves with the outputs
}

// Output says what one file is.
type Output struct {
	File        string `yaml:"file"`
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	Kind        Kind   `yaml:"kind"`
	MadeBy      string `yaml:"made_by"`
	Data        string `yaml:"data"`
	// ClearedFrom names the declared output (docs/formats/outputs.md) of which
	// the file is what may leave.
	ClearedFrom string `yaml:"cleared_from"`
	// Stays is set for what is reviewed and does not leave.
	Stays     bool       `yaml:"stays"`
	Persons   int64      `yaml:"persons"`
	Model     Model      `yaml:"model"`
	Variables []Variable `yaml:"variables"`
}

// Model is the size of a regression.
type Model struct {
	Observations int64 `yaml:"observations"`
	Parameters   int64 `yaml:"parameters"`
}

// Variable says what one column is.
type Variable struct {
	Name  string `yaml:"name"`
	Label string `yaml:"label"`
	Role  Role   `yaml:"role"`
	Unit  string `yaml:"unit"`
	// Of and Count name the columns of the denominator and of the persons.
	Of          string  `yaml:"of"`
	Count       string  `yaml:"count"`
	Denominator int64   `yaml:"denominator"`
	Per         float64 `yaml:"per"`
	Level       float64 `yaml:"level"`
	// Total is the category of a dimension that is the total of the others.
	Total  string            `yaml:"total"`
	Values map[string]string `yaml:"values"`
}

// ParseManifest reads a manifest. What it does not know in full is Invalid, with
// its line: an unknown key, an anchor, an alias. Whether enough is said is the
// business of the checks.
func ParseManifest(text []byte) (Manifest, error) {
	if len(text) > maxManifest {
		return Manifest{}, galien.Errorf(galien.Invalid, "read %s: it is over %d bytes", ManifestFile, maxManifest)
	}
	// An alias could make a small text a large one.
	for _, t := range lexer.Tokenize(string(text)) {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType:
			return Manifest{}, galien.Errorf(galien.Invalid, "read %s: line %d: an anchor, alias or tag is not allowed here (put text that begins with & * or ! in quotes)", ManifestFile, t.Position.Line)
		}
	}
	var m Manifest
	if err := yaml.UnmarshalWithOptions(text, &m, yaml.Strict()); err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil && syntax.GetToken().Position != nil {
			return Manifest{}, galien.Errorf(galien.Invalid, "read %s: line %d: %s", ManifestFile, syntax.GetToken().Position.Line, syntax.GetMessage())
		}
		return Manifest{}, galien.Errorf(galien.Invalid, "read %s: it is not a YAML mapping of the known keys", ManifestFile)
	}
	if m.Rounding != "" && m.Rounding != "exact" {
		if n, err := strconv.Atoi(m.Rounding); err != nil || n < 2 || n > 1000 {
			return Manifest{}, galien.Errorf(galien.Invalid, "read %s: rounding must be exact, or a whole number from 2 to 1000", ManifestFile)
		}
	}
	m.text = string(text)
	seen := map[string]bool{}
	for i, o := range m.Outputs {
		switch {
		case o.File == "" || path.Clean(o.File) != o.File || strings.HasPrefix(o.File, "/") || strings.HasPrefix(o.File, "../") || o.File == ".." || strings.Contains(o.File, `\`):
			return Manifest{}, galien.Errorf(galien.Invalid, "read %s: outputs[%d].file must be a path inside the folder, with slashes", ManifestFile, i+1)
		case seen[o.File]:
			return Manifest{}, galien.Errorf(galien.Invalid, "read %s: outputs[%d].file is there twice", ManifestFile, i+1)
		case o.Kind != "" && !kinds[o.Kind]:
			return Manifest{}, galien.Errorf(galien.Invalid, "read %s: outputs[%d].kind must be one of table, quantiles, regression, survival, figure, text, model, code", ManifestFile, i+1)
		}
		seen[o.File] = true
		for j, v := range o.Variables {
			if v.Name == "" || v.Role != "" && !roles[v.Role] {
				return Manifest{}, galien.Errorf(galien.Invalid, "read %s: outputs[%d].variables[%d] needs a name, and a role that docs/formats/airlock.md lists", ManifestFile, i+1, j+1)
			}
		}
	}
	return m, nil
}

var kinds = map[Kind]bool{KindTable: true, KindQuantiles: true, KindRegression: true, KindSurvival: true, KindFigure: true, KindText: true, KindModel: true, KindCode: true}

var roles = map[Role]bool{RoleDimension: true, RoleCount: true, RolePopulation: true, RoleEvents: true, RoleAtRisk: true, RolePercent: true,
	RoleProportion: true, RoleRate: true, RoleBoth: true, RoleTime: true, RolePersonTime: true, RoleMean: true, RoleSD: true, RoleQuantile: true,
	RoleMin: true, RoleMax: true, RoleEstimate: true, RoleSE: true, RoleInterval: true, RolePValue: true, RoleFreedom: true,
	RoleSurvival: true, RoleResidual: true, RoleText: true}

// output returns what the manifest says of a file, or nil.
func (m *Manifest) output(file string) *Output {
	for i := range m.Outputs {
		if m.Outputs[i].File == file {
			return &m.Outputs[i]
		}
	}
	return nil
}

// variable returns what the manifest says of a column, or nil.
func (o *Output) variable(name string) *Variable {
	if o == nil {
		return nil
	}
	for i := range o.Variables {
		if o.Variables[i].Name == name {
			return &o.Variables[i]
		}
	}
	return nil
}

// base returns the base that counts of the group are to be multiples of, or 0.
func (c *run) base() int64 {
	n, _ := strconv.Atoi(c.manifest.Rounding) // exact, or absent, is 0
	return int64(max(n, c.rule.Rounding))
}

// itself looks at the manifest as one of the files that leave.
func (c *run) itself() {
	if line, ok := plain([]byte(c.manifest.text)); !ok {
		c.found("file-text", "", lineWhere(line))
	}
	c.lines("", c.manifest.text)
	number := func(file, where string, n int64) {
		if base := c.base(); n != 0 && base > 0 && n%base != 0 {
			c.found("count-unrounded", file, where)
		}
		if n != 0 && n < c.threshold {
			c.found("count-small", file, where)
		}
	}
	number("", "persons", c.manifest.Persons)
	for _, o := range c.manifest.Outputs {
		number(o.File, "persons", o.Persons)
		number(o.File, "model: observations", o.Model.Observations)
		for _, v := range o.Variables {
			number(o.File, "denominator of "+v.Name, v.Denominator)
		}
	}
}

// rounding compares what the manifest says of rounding with the permit.
func (c *run) rounding() {
	n, _ := strconv.Atoi(c.manifest.Rounding)
	switch {
	case c.manifest.Rounding == "" && c.rule.Rounding == 0:
		c.found("rounding-stated", "", "")
	case c.rule.Rounding > 0 && n%c.rule.Rounding != 0, c.rule.Rounding > 0 && c.manifest.Rounding == "exact":
		c.found("rounding-rule", "", "")
	case c.manifest.Rounding == "exact":
		c.found("rounding-exact", "", "")
	}
}
