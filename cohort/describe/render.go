package describe

import (
	"fmt"
	"strings"
)

// Text renders the document as plain text: numbered headings, one paragraph or
// list item a line, two spaces for each level.
func (d Document) Text() string {
	var w strings.Builder
	fmt.Fprintf(&w, "%s\n", d.Title)
	for i, s := range d.Sections {
		fmt.Fprintf(&w, "\n%d. %s\n", i+1, s.Heading)
		for _, b := range s.Body {
			fmt.Fprintf(&w, "   %s\n", b.Text)
			items(&w, b.Items, "   ", func(s string) string { return s })
		}
	}
	return w.String()
}

// Markdown renders the document as CommonMark.
func (d Document) Markdown() string {
	var w strings.Builder
	fmt.Fprintf(&w, "# %s\n", escape(d.Title))
	for i, s := range d.Sections {
		fmt.Fprintf(&w, "\n## %d. %s\n", i+1, escape(s.Heading))
		for _, b := range s.Body {
			fmt.Fprintf(&w, "\n%s\n", escape(b.Text))
			if len(b.Items) > 0 {
				w.WriteString("\n")
				items(&w, b.Items, "", escape)
			}
		}
	}
	return w.String()
}

func items(w *strings.Builder, list []Block, indent string, write func(string) string) {
	for _, b := range list {
		fmt.Fprintf(w, "%s- %s\n", indent, write(b.Text))
		items(w, b.Items, indent+"  ", write)
	}
}

// escape keeps names from being read as CommonMark.
func escape(s string) string {
	var w strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_[]<>#|~&", r) {
			w.WriteByte('\\')
		}
		w.WriteRune(r)
	}
	return w.String()
}
