package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// maxDepth is the deepest nesting of a page that is followed.
const maxDepth = 200

// elements are the elements of a page that are text, tables and shapes. Any
// other is refused: what a browser would do with it is not known here.
var elements = words(`html head title meta style body main article section header footer nav aside div span p br hr h1 h2 h3 h4 h5 h6
	ul ol li dl dt dd table caption colgroup col thead tbody tfoot tr th td b i u em strong small sub sup code pre blockquote q cite abbr a figure figcaption mark var samp kbd time del ins s
	svg g path rect circle ellipse line polyline polygon text tspan textpath defs clippath use lineargradient radialgradient stop marker pattern symbol desc`)

// harmless are the attributes that say how a thing looks or where it goes. The
// others are refused; style, class, id, href, fill, opacity and the like are
// looked at for what they hide or fetch.
var harmless = words(`id class style lang xml:lang dir charset name content http-equiv colspan rowspan scope align valign width height border cellpadding cellspacing role start type value
	href xlink:href xmlns xmlns:xlink xmlns:svg xml:space version viewbox preserveaspectratio x y x1 x2 y1 y2 cx cy r rx ry dx dy d points transform fill fill-opacity fill-rule stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray stroke-dashoffset stroke-opacity opacity display visibility
	font-family font-size font-weight font-style text-anchor dominant-baseline alignment-baseline baseline-shift rotate textlength lengthadjust clip-path clip-rule clippathunits offset stop-color stop-opacity gradientunits gradienttransform markerwidth markerheight refx refy orient markerunits patternunits overflow color background bgcolor vector-effect paint-order enable-background
	headers abbr datetime cite span`)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// svg looks at a drawing, which is an XML file of its own.
func (c *run) svg(name, s string) {
	p := &page{run: c, file: name}
	dec := xml.NewDecoder(strings.NewReader(s))
	var open []string
	for {
		t, err := dec.Token()
		if err == io.EOF && len(open) == 0 {
			break
		}
		if err != nil || len(open) > maxDepth {
			c.found("file-read", name, "")
			return
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(open) == 0 && t.Name.Local != "svg" {
				c.found("file-name", name, "")
				return
			}
			n := &html.Node{Type: html.ElementNode, Data: t.Name.Local, Namespace: "svg"}
			for _, a := range t.Attr {
				n.Attr = append(n.Attr, html.Attribute{Namespace: prefixes[a.Name.Space], Key: a.Name.Local, Val: a.Value})
				if _, ok := prefixes[a.Name.Space]; !ok {
					c.found("hidden-markup", name, "attribute")
				}
			}
			p.element(n)
			open = append(open, strings.ToLower(t.Name.Local))
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				p.words(open[len(open)-1], string(t))
			}
		case xml.Comment:
			c.found("hidden-markup", name, "comment")
		case xml.ProcInst:
			if t.Target != "xml" {
				c.found("active-markup", name, "instruction")
			}
		case xml.Directive:
			if strings.Contains(string(t), "[") {
				c.found("active-markup", name, "document type")
			}
		}
	}
	if p.marks > 200 {
		c.found("marks-many", name, "")
	}
	c.persons(name, s)
}

// prefixes are the name spaces of attributes in a drawing.
var prefixes = map[string]string{"": "", "xmlns": "xmlns", "xlink": "xlink", "http://www.w3.org/1999/xlink": "xlink", "xml": "xml", "http://www.w3.org/XML/1998/namespace": "xml"}

// page is a page or drawing being read.
type page struct {
	*run
	file  string
	out   *Output
	marks int
	grids int
}

// html looks at a page as a browser would read it.
func (c *run) html(name string, o *Output, s string) {
	doc, err := html.ParseWithOptions(strings.NewReader(s), html.ParseOptionEnableScripting(false))
	if err != nil {
		c.found("file-read", name, "")
		return
	}
	p := &page{run: c, file: name, out: o}
	p.node(doc, 0)
	if p.marks > 200 {
		c.found("marks-many", name, "")
	}
	c.persons(name, s)
}

// node looks at one node of a page and at what it holds.
func (p *page) node(n *html.Node, depth int) {
	if depth > maxDepth {
		p.found("file-read", p.file, "nested too deeply")
		return
	}
	switch n.Type {
	case html.CommentNode:
		p.found("hidden-markup", p.file, "comment")
	case html.TextNode:
		parent := ""
		if n.Parent != nil {
			parent = strings.ToLower(n.Parent.Data)
		}
		p.words(parent, n.Data)
	case html.ElementNode:
		p.element(n)
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		p.node(child, depth+1)
	}
}

// words looks at a text of the page, in an element.
func (p *page) words(in, text string) {
	if in == "style" {
		if hides(text) || generated.MatchString(text) {
			p.found("hidden-markup", p.file, "style sheet")
		}
		if fetches.MatchString(text) {
			p.found("active-markup", p.file, "style sheet")
		}
		return
	}
	p.sentence(p.file, "text", text)
	p.person(p.file, "text", text)
}

func (p *page) element(n *html.Node) {
	tag := strings.ToLower(n.Data)
	switch {
	case tag == "metadata":
		p.found("metadata", p.file, tag)
	case tag == "desc", tag == "title" && n.Namespace != "":
		p.found("hidden-markup", p.file, "tooltip")
	case !elements[tag]:
		where := "an element that is not known here"
		if known[tag] {
			where = tag
		}
		p.found("active-markup", p.file, where)
	case tag == "table":
		p.table(n)
	case tag == "circle", tag == "use", tag == "ellipse":
		p.marks++
	}
	for _, a := range n.Attr {
		key := strings.ToLower(a.Key)
		if a.Namespace != "" {
			key = a.Namespace + ":" + key
		}
		value := strings.ToLower(strings.TrimSpace(a.Val))
		switch {
		case key == "title" || key == "alt" || key == "aria-label" || strings.HasPrefix(key, "data-") || key == "hidden":
			p.found("hidden-markup", p.file, "attribute")
		case len(value) > 200 && key != "d" && key != "points" && key != "style" && key != "transform":
			p.found("hidden-markup", p.file, "attribute")
		case !harmless[key]:
			p.found("active-markup", p.file, "attribute")
		case (key == "href" || key == "xlink:href") && value != "" && !strings.HasPrefix(value, "#") && !(tag == "a" && link.MatchString(value)):
			p.found("active-markup", p.file, "link")
		case key == "http-equiv" && value != "content-type":
			p.found("active-markup", p.file, "meta")
		case tag == "meta" && key == "name" && value != "viewport":
			p.found("metadata", p.file, "meta")
		case (key == "style" || key == "fill" || key == "clip-path") && fetches.MatchString(value) && !strings.Contains(value, "url(#"):
			p.found("active-markup", p.file, "style")
		}
		if key == "style" && hides(value) || shows[key] && hides(key+":"+value) {
			p.found("hidden-markup", p.file, tag)
		}
		text := tag == "text" || tag == "tspan" || tag == "span" || tag == "p" || tag == "td"
		if text && key == "fill" && (value == "none" || isWhiteCSS(value)) {
			p.found("hidden-markup", p.file, tag)
		}
		if text && key == "style" && sameColours(value) {
			p.found("hidden-markup", p.file, tag)
		}
	}
}

// shows are the attributes that say whether a thing is seen.
var shows = words(`opacity fill-opacity display visibility font-size color`)

// known are elements that a finding may name.
var known = words(`script iframe frame object embed applet form input button select textarea link img image video audio canvas template noscript foreignobject animate set base details dialog`)

var (
	link    = regexp.MustCompile(`^https?://[a-z0-9.-]+(/[^"'<>\s?#]*)?$`)
	fetches = regexp.MustCompile(`(?i)url\(|@import|expression\(|behavior:|javascript:|data:`)
	hidden  = regexp.MustCompile(`(?i)display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|opacity\s*:\s*(0*\.0\d*|0+\.?|0*\.)\s*(%|;|}|"|$)|font-size\s*:\s*(0+(\.0*)?(px|pt|em|rem|%)?|[0-3](\.\d+)?(px|pt)?|0*\.[0-3]\d*(em|rem)|[0-2]?\d%)\s*(;|}|"|$)|text-indent\s*:\s*-|(left|top|margin[a-z-]*)\s*:\s*-\d{3,}|clip\s*:\s*rect|color\s*:\s*transparent|(^|[^-a-z])(max-)?(height|width)\s*:\s*0(px)?\s*(;|}|$)|z-index|mix-blend|scale\(`)
	white   = regexp.MustCompile(`(?i)(^|[^-\w])color\s*:\s*(white|#fff(fff)?|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\))`)
	// What a style sheet writes into the page.
	generated = regexp.MustCompile(`(?i)content\s*:`)
	colour    = regexp.MustCompile(`(?i)(?:^|[;\s])(color|background|background-color|fill)\s*:\s*([^;]+)`)
)

// hides reports whether a style makes something unseen.
func hides(style string) bool { return hidden.MatchString(style) || white.MatchString(style) }

func isWhiteCSS(v string) bool {
	return v == "white" || v == "#fff" || v == "#ffffff" || v == "transparent"
}

// sameColours reports whether a style gives text the colour of its ground.
func sameColours(style string) bool {
	found := map[string]string{}
	for _, m := range colour.FindAllStringSubmatch(style, -1) {
		value := strings.TrimSpace(strings.ToLower(m[2]))
		switch value {
		case "black", "#000000", "rgb(0,0,0)", "rgb(0, 0, 0)":
			value = "#000"
		}
		found[strings.TrimSuffix(strings.ToLower(m[1]), "-color")] = value
	}
	ground, ok := found["background"]
	return ok && (ground == found["color"] || found["color"] == "" && ground == "#000")
}

// table collects a table of a page.
func (p *page) table(n *html.Node) {
	p.grids++
	g := &grid{file: p.file, out: p.out, sheet: fmt.Sprintf("table %d", p.grids), first: 2}
	var rows [][]string
	spans := false
	var walk func(n *html.Node, depth int)
	walk = func(n *html.Node, depth int) {
		for child := n.FirstChild; child != nil && depth < maxDepth; child = child.NextSibling {
			if child.Type != html.ElementNode {
				continue
			}
			switch child.Data {
			case "tr":
				var row []string
				for td := child.FirstChild; td != nil; td = td.NextSibling {
					if td.Type == html.ElementNode && (td.Data == "td" || td.Data == "th") {
						for _, a := range td.Attr {
							spans = spans || (a.Key == "colspan" || a.Key == "rowspan") && a.Val != "1"
						}
						row = append(row, strings.Join(strings.Fields(inner(td, 0)), " "))
					}
				}
				rows = append(rows, row)
			case "table":
				p.found("file-read", p.file, "a table in a table")
			default:
				walk(child, depth+1)
			}
		}
	}
	walk(n, 0)
	if len(rows) == 0 {
		return
	}
	g.header = rows[0]
	for i, row := range rows[1:] {
		if len(row) != len(g.header) || spans {
			p.found("file-read", p.file, fmt.Sprintf("%s, row %d", g.sheet, i+2))
			return
		}
		g.rows = append(g.rows, row)
	}
	p.addGrid(g)
}

// inner returns the text in a node.
func inner(n *html.Node, depth int) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for child := n.FirstChild; child != nil && depth < maxDepth; child = child.NextSibling {
		b.WriteString(inner(child, depth+1))
		b.WriteByte(' ')
	}
	return b.String()
}
