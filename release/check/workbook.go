package check

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of a workbook, which is an archive of XML files.
const (
	maxParts    = 200
	maxUnpacked = 64 << 20
	maxTags     = 500_000
)

// parts are the names of the parts of a workbook that are only cells and how
// they look. Every other part is refused by what it is not: macros, links,
// comments, drawings, pivot caches, objects, custom properties.
var parts = regexp.MustCompile(`^(\[Content_Types\]\.xml|_rels/\.rels|docProps/(core|app)\.xml|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels|xl/styles\.xml|xl/sharedStrings\.xml|xl/theme/theme[0-9]+\.xml|xl/worksheets/sheet[0-9]+\.xml|xl/calcChain\.xml)$`)

// workbook reads an XLSX file as the archive that it is.
func (c *run) workbook(f File, o *Output) {
	z, err := zip.NewReader(bytes.NewReader(f.Bytes), int64(len(f.Bytes)))
	if err != nil || len(z.File) == 0 {
		c.found("file-read", f.Name, "")
		return
	}
	if len(z.File) > maxParts {
		c.found("file-size", f.Name, "parts")
		return
	}
	content := map[string][]byte{}
	left := int64(maxUnpacked)
	for _, part := range z.File {
		if strings.HasSuffix(part.Name, "/") && part.UncompressedSize64 == 0 {
			continue
		}
		if !parts.MatchString(part.Name) {
			c.found("workbook-parts", f.Name, "part "+partKind(part.Name))
			continue
		}
		if _, twice := content[part.Name]; twice {
			c.found("file-read", f.Name, "a part twice")
			return
		}
		b, err := unpack(part, left)
		if err != nil {
			c.found("file-read", f.Name, "")
			return
		}
		if left -= int64(len(b)); left <= 0 {
			c.found("file-size", f.Name, "unpacked")
			return
		}
		content[part.Name] = b
	}
	if z.Comment != "" {
		c.found("metadata", f.Name, "comment of the archive")
	}
	if content["xl/workbook.xml"] == nil {
		c.found("file-type", f.Name, "zip")
		return
	}
	if bytes.Contains(content["[Content_Types].xml"], []byte("macroEnabled")) {
		c.found("workbook-parts", f.Name, "macros")
	}
	for name, b := range content {
		if bytes.Contains(b, []byte("<!")) {
			c.found("hidden-cells", f.Name, "a comment or a document type")
			return
		}
		if bytes.Count(b, []byte("<")) > maxTags {
			c.found("file-size", f.Name, "cells")
			return
		}
		if strings.HasSuffix(name, ".rels") && bytes.Contains(b, []byte(`TargetMode="External"`)) {
			c.found("workbook-parts", f.Name, "link")
		}
	}
	w := &book{run: c, file: f.Name, out: o, used: map[int]bool{}}
	w.properties(content["docProps/core.xml"], content["docProps/app.xml"])
	if !w.read(content) {
		c.found("file-read", f.Name, "")
	}
}

// partKind names the kind of a part that is not allowed, and quotes no name.
func partKind(name string) string {
	for _, k := range []struct{ in, kind string }{
		{"vba", "macros"}, {"externalLink", "external link"}, {"omment", "comments"}, {"pivot", "pivot table"}, {"embedding", "embedded object"},
		{"drawing", "drawing"}, {"chart", "chart"}, {"media", "picture"}, {"customXml", "custom data"}, {"docProps/custom", "custom properties"}, {"printerSettings", "printer settings"}, {"table", "table"}, {"_rels", "links of a sheet"},
	} {
		if strings.Contains(name, k.in) {
			return k.kind
		}
	}
	return "of unknown kind"
}

// unpack reads at most limit bytes of one part, whatever its header says.
func unpack(part *zip.File, limit int64) ([]byte, error) {
	r, err := part.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

// book is a workbook being read.
type book struct {
	*run
	file    string
	out     *Output
	strings []string
	used    map[int]bool
	hidden  []bool // by cell style: it does not show its value
}

// madeBy are names that programs give themselves as author.
var madeBy = regexp.MustCompile(`(?i)^(openpyxl|xlsxwriter|excelize|writexl|libxlsxwriter|apache poi)$`)

// properties looks for what the workbook says of people.
func (w *book) properties(core, app []byte) {
	for name, text := range leaves(core) {
		switch name {
		case "creator", "lastModifiedBy", "description", "subject", "title", "keywords", "category", "contentStatus":
			if text != "" && !madeBy.MatchString(text) {
				w.found("metadata", w.file, name)
			}
		}
	}
	for name, text := range leaves(app) {
		switch name {
		case "Company", "Manager", "HyperlinkBase", "Template":
			if text != "" {
				w.found("metadata", w.file, name)
			}
		}
	}
}

// leaves returns the texts of the elements of a small XML document, by name.
func leaves(b []byte) map[string]string {
	out := map[string]string{}
	dec := xml.NewDecoder(bytes.NewReader(b))
	name := ""
	for {
		t, err := dec.Token()
		if err != nil {
			return out
		}
		switch t := t.(type) {
		case xml.StartElement:
			name = t.Name.Local
		case xml.CharData:
			if name != "" {
				out[name] = strings.TrimSpace(out[name] + string(t))
			}
		case xml.EndElement:
			name = ""
		}
	}
}

type xmlWorkbook struct {
	Sheets []struct {
		Name  string `xml:"name,attr"`
		State string `xml:"state,attr"`
		ID    string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
	} `xml:"sheets>sheet"`
	Names []struct {
		Hidden string `xml:"hidden,attr"`
	} `xml:"definedNames>definedName"`
}

type xmlRelations struct {
	Relations []struct {
		ID     string `xml:"Id,attr"`
		Target string `xml:"Target,attr"`
	} `xml:"Relationship"`
}

type xmlStyles struct {
	Formats []struct {
		ID   int    `xml:"numFmtId,attr"`
		Code string `xml:"formatCode,attr"`
	} `xml:"numFmts>numFmt"`
	Fonts []struct {
		Color xmlColor `xml:"color"`
		Size  struct {
			Value string `xml:"val,attr"`
		} `xml:"sz"`
	} `xml:"fonts>font"`
	Fills []struct {
		Color xmlColor `xml:"patternFill>fgColor"`
	} `xml:"fills>fill"`
	Cells []struct {
		Format int `xml:"numFmtId,attr"`
		Font   int `xml:"fontId,attr"`
		Fill   int `xml:"fillId,attr"`
	} `xml:"cellXfs>xf"`
}

// xmlRun is a stretch of a text in a cell, with its own looks.
type xmlRun struct {
	Text  string `xml:"t"`
	Looks struct {
		Color xmlColor `xml:"color"`
		Size  struct {
			Value string `xml:"val,attr"`
		} `xml:"sz"`
	} `xml:"rPr"`
}

// unseen reports whether the stretch is white or tiny.
func (r xmlRun) unseen() bool {
	size, err := strconv.ParseFloat(r.Looks.Size.Value, 64)
	return isWhite(r.Looks.Color) || err == nil && size < 4
}

type xmlColor struct {
	RGB     string `xml:"rgb,attr"`
	Theme   string `xml:"theme,attr"`
	Indexed string `xml:"indexed,attr"`
}

type xmlSheet struct {
	Columns []struct {
		Hidden string `xml:"hidden,attr"`
		Width  string `xml:"width,attr"`
	} `xml:"cols>col"`
	Rows []struct {
		R      int    `xml:"r,attr"`
		Hidden string `xml:"hidden,attr"`
		Height string `xml:"ht,attr"`
		Cells  []struct {
			Ref     string    `xml:"r,attr"`
			Type    string    `xml:"t,attr"`
			Style   int       `xml:"s,attr"`
			Value   string    `xml:"v"`
			Formula *struct{} `xml:"f"`
			Inline  struct {
				Text string   `xml:"t"`
				Runs []xmlRun `xml:"r"`
			} `xml:"is"`
		} `xml:"c"`
	} `xml:"sheetData>row"`
	Conditional []struct{} `xml:"conditionalFormatting"`
	Filter      []struct{} `xml:"autoFilter"`
	Joined      []struct{} `xml:"mergeCells"`
	Header      struct {
		Text string `xml:",innerxml"`
	} `xml:"headerFooter"`
}

// read reads the sheets of a workbook in their order.
func (w *book) read(content map[string][]byte) bool {
	var workbook xmlWorkbook
	var relations xmlRelations
	var styles xmlStyles
	var shared struct {
		Items []struct {
			Sound []struct{} `xml:"rPh"`
			Text  string     `xml:"t"`
			Runs  []xmlRun   `xml:"r"`
		} `xml:"si"`
	}
	for _, p := range []struct {
		name string
		into any
	}{{"xl/workbook.xml", &workbook}, {"xl/_rels/workbook.xml.rels", &relations}, {"xl/styles.xml", &styles}, {"xl/sharedStrings.xml", &shared}} {
		if b := content[p.name]; b != nil && xml.Unmarshal(b, p.into) != nil {
			return false
		}
	}
	for _, item := range shared.Items {
		if len(item.Sound) > 0 {
			w.found("hidden-cells", w.file, "a reading beside a text")
		}
		text := item.Text
		for _, r := range item.Runs {
			if r.unseen() {
				w.found("hidden-cells", w.file, "a stretch of a text")
			}
			text += r.Text
		}
		w.strings = append(w.strings, text)
	}
	w.hidden = hiding(styles)
	for name, b := range content {
		if strings.HasPrefix(name, "xl/theme/") && paleText.Match(b) {
			w.found("hidden-cells", w.file, "a theme whose text is white")
		}
	}
	for _, n := range workbook.Names {
		if isTrue(n.Hidden) {
			w.found("hidden-cells", w.file, "hidden name")
		}
	}
	targets := map[string]string{}
	for _, r := range relations.Relations {
		targets[r.ID] = path.Join("xl", strings.TrimPrefix(r.Target, "/xl/"))
	}
	read := map[string]bool{}
	for i, s := range workbook.Sheets {
		if s.State != "" && s.State != "visible" {
			w.found("hidden-cells", w.file, fmt.Sprintf("sheet %d", i+1))
		}
		b := content[targets[s.ID]]
		var sheet xmlSheet
		if !plainSheet(b) {
			w.found("workbook-parts", w.file, fmt.Sprintf("sheet %d, an element that is not known here", i+1))
		}
		if b == nil || read[targets[s.ID]] || xml.Unmarshal(b, &sheet) != nil {
			return false
		}
		read[targets[s.ID]] = true
		if !w.sheet(fmt.Sprintf("sheet %d", i+1), sheet) {
			return false
		}
	}
	for name := range content {
		if strings.HasPrefix(name, "xl/worksheets/") && !read[name] {
			w.found("hidden-cells", w.file, "a sheet that the workbook does not list")
		}
	}
	for i := range w.strings {
		if !w.used[i] && strings.TrimSpace(w.strings[i]) != "" {
			w.found("workbook-leftover", w.file, "")
		}
	}
	return true
}

// sheetElements are the elements of a sheet that are cells, what they show and
// how they are laid out.
var sheetElements = words(`worksheet sheetPr tabColor outlinePr pageSetUpPr dimension sheetViews sheetView pane selection sheetFormatPr cols col
	sheetData row c v f is t r rPr b i u strike sz color rFont family charset scheme vertAlign printOptions pageMargins pageSetup
	headerFooter oddHeader oddFooter evenHeader evenFooter firstHeader firstFooter ignoredErrors ignoredError sheetProtection phoneticPr
	autoFilter conditionalFormatting cfRule formula mergeCells mergeCell`)

// plainSheet reports whether a sheet holds no other element.
func plainSheet(b []byte) bool {
	dec := xml.NewDecoder(bytes.NewReader(b))
	for {
		t, err := dec.Token()
		if err != nil {
			return err == io.EOF
		}
		if e, ok := t.(xml.StartElement); ok && !sheetElements[e.Name.Local] {
			return false
		}
	}
}

// hiding tells of each cell style whether it hides the value: white or the
// colour of its ground, tiny, or a number format that shows something else.
func hiding(s xmlStyles) []bool {
	formats := map[int]string{}
	for _, f := range s.Formats {
		formats[f.ID] = f.Code
	}
	var out []bool
	for _, x := range s.Cells {
		hides := masks(formats[x.Format])
		if x.Font >= 0 && x.Font < len(s.Fonts) {
			font := s.Fonts[x.Font]
			hides = hides || isWhite(font.Color)
			if size, err := strconv.ParseFloat(font.Size.Value, 64); err == nil && size < 4 {
				hides = true
			}
			if x.Fill >= 0 && x.Fill < len(s.Fills) {
				fill := s.Fills[x.Fill].Color
				hides = hides || fill != (xmlColor{}) && fill == font.Color
				if isBlack(fill) && (font.Color == xmlColor{} || isBlack(font.Color)) {
					hides = true
				}
			}
		}
		out = append(out, hides)
	}
	return out
}

// paleText is a theme in which the colour of text is white.
var paleText = regexp.MustCompile(`(?is)<a:dk1>.{0,80}(lastClr|val)="FFFFFF".{0,40}</a:dk1>`)

func isWhite(c xmlColor) bool {
	return strings.HasSuffix(strings.ToUpper(c.RGB), "FFFFFF") || c.Theme == "0" || c.Indexed == "9" || c.Indexed == "1"
}

func isBlack(c xmlColor) bool {
	return strings.HasSuffix(c.RGB, "000000") || c.Theme == "1" || c.Indexed == "8" || c.Indexed == "0"
}

var (
	quoted = regexp.MustCompile(`"[^"]*"|\\.|_.|\*.|\[[^\]]*\]`)
	digits = regexp.MustCompile(`[0#?@GgyYmMdDhHsS]`)
)

// masks reports whether a number format shows something that is not the number:
// a section with no digits in it, or one that depends on the value.
func masks(code string) bool {
	if code == "" {
		return false
	}
	if strings.Contains(code, "[<") || strings.Contains(code, "[>") || strings.Contains(code, "[=") {
		return true
	}
	for i, section := range strings.Split(quoted.ReplaceAllString(code, ""), ";") {
		if i < 3 && !digits.MatchString(section) {
			return true
		}
	}
	return false
}

func isTrue(s string) bool { return s == "1" || s == "true" }

// sheet reads the cells of a sheet as one table, or several with an empty row
// between.
func (w *book) sheet(name string, s xmlSheet) bool {
	for _, col := range s.Columns {
		if width, err := strconv.ParseFloat(col.Width, 64); isTrue(col.Hidden) || err == nil && width < 1 {
			w.found("hidden-cells", w.file, name+", a column")
		}
	}
	if len(s.Conditional) > 0 {
		w.found("hidden-cells", w.file, name+", formats that depend on values")
	}
	if len(s.Filter) > 0 {
		w.found("hidden-cells", w.file, name+", a filter")
	}
	if len(s.Joined) > 0 {
		w.found("hidden-cells", w.file, name+", joined cells")
	}
	w.lines(w.file, s.Header.Text)
	var block [][]string
	first := 0
	end := func() {
		w.block(name, first, block)
		block = nil
	}
	last := 0
	for _, row := range s.Rows {
		if row.R == 0 {
			row.R = last + 1
		}
		if height, err := strconv.ParseFloat(row.Height, 64); isTrue(row.Hidden) || err == nil && height < 3 {
			w.found("hidden-cells", w.file, fmt.Sprintf("%s, row %d", name, row.R))
		}
		var cells []string
		for i, x := range row.Cells {
			at := i
			if x.Ref != "" {
				var ok bool
				if at, ok = columnOf(x.Ref); !ok || at < len(cells) {
					return false
				}
			}
			if at >= maxColumns {
				w.found("file-size", w.file, name)
				return true
			}
			text := x.Value
			switch x.Type {
			case "s":
				n, err := strconv.Atoi(x.Value)
				if err != nil || n < 0 || n >= len(w.strings) {
					return false
				}
				text, w.used[n] = w.strings[n], true
			case "inlineStr":
				text = x.Inline.Text
				for _, r := range x.Inline.Runs {
					if r.unseen() {
						w.found("hidden-cells", w.file, "a stretch of a text")
					}
					text += r.Text
				}
			}
			where := fmt.Sprintf("%s, row %d, column %d", name, row.R, at+1)
			if x.Type == "inlineStr" && x.Value != "" {
				w.found("hidden-cells", w.file, where)
			}
			if x.Formula != nil {
				w.found("formula", w.file, where)
			}
			if text != "" && x.Style >= 0 && x.Style < len(w.hidden) && w.hidden[x.Style] {
				w.found("hidden-cells", w.file, where)
			}
			for len(cells) < at {
				cells = append(cells, "")
			}
			cells = append(cells, text)
			w.sentence(w.file, where, text)
			w.person(w.file, where, text)
		}
		empty := !slices.ContainsFunc(cells, func(s string) bool { return strings.TrimSpace(s) != "" })
		if empty || row.R > last+1 {
			end()
		}
		last = row.R
		if empty {
			continue
		}
		if block == nil {
			first = row.R
		}
		if block = append(block, cells); len(block) > maxRows+10 {
			break // too many, as addGrid finds
		}
	}
	end()
	return true
}

// block makes a table of rows that touch: lines of a single text come before
// it, and its first row of several cells is the header.
func (w *book) block(name string, first int, rows [][]string) {
	for len(rows) > 0 && len(rows[0]) == 1 && (len(rows) == 1 || slices.ContainsFunc(rows, func(r []string) bool { return len(r) > 1 })) {
		if _, number := parseNumber(rows[0][0], true); number {
			break
		}
		rows, first = rows[1:], first+1
	}
	if len(rows) == 0 {
		return
	}
	g := &grid{file: w.file, sheet: name, out: w.out, header: trimAll(rows[0]), first: first + 1}
	for i, cells := range rows[1:] {
		if len(cells) > len(g.header) {
			w.found("file-read", w.file, fmt.Sprintf("%s, row %d", name, first+1+i))
			return
		}
		g.rows = append(g.rows, append(cells, make([]string, len(g.header)-len(cells))...))
	}
	w.addGrid(g)
}

// columnOf returns the column of a reference such as B2, from 0.
func columnOf(ref string) (int, bool) {
	n := 0
	for i, r := range ref {
		if r >= '0' && r <= '9' {
			return n - 1, i > 0
		}
		if r < 'A' || r > 'Z' || i > 3 {
			return 0, false
		}
		n = n*26 + int(r-'A') + 1
	}
	return 0, false
}
