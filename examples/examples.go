// Package examples holds, inside the binary, the files of this folder that the
// demonstration uses: six cohort definitions in the JSON that ATLAS exports
// and one permit of each kind. It holds no data and no code.
//
//	b, err := examples.Files.ReadFile("cohorts/1-second-dose-men-12-29.json")
package examples

import "embed"

// Files is the folder examples as it was when the binary was built: cohorts/*.json
// and permits/*.yaml.
//
//go:embed cohorts/*.json permits/*.yaml
var Files embed.FS
