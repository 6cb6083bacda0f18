package source

import (
	"regexp"
	"strings"
)

var comment = regexp.MustCompile(`(?m)^\s*--.*$`)

// Statements cuts a file of SQL where a line ends in a semicolon, without the lines of
// comment.
func Statements(text string) (list []string) {
	for _, s := range strings.Split(comment.ReplaceAllString(text, ""), ";\n") {
		if strings.TrimSpace(s) != "" {
			list = append(list, s)
		}
	}
	return list
}
