package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"galien"
	"galien/cohort/circe"
	"galien/cohort/describe"
)

func newCohortDescribeCommand() *cobra.Command {
	var lang, format string
	cmd := &cobra.Command{
		Use:   "describe FILE.json",
		Short: "Tell a cohort definition in plain sentences",
		Long: `Tell a cohort definition as the protocol of a study would state it, in English
or in French. Whatever can change the answer is said, as it is evaluated. FILE
may be "-" for standard input. No hub and no permit are needed: the definition
alone is read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			language, err := describe.ParseLanguage(lang)
			if err != nil {
				return fmt.Errorf("--lang: %w", err)
			}
			if format != "text" && format != "markdown" {
				return galien.Errorf(galien.Invalid, "--format: unknown format %q; use text or markdown", format)
			}
			b, err := readInput(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			def, err := circe.Read(bytes.NewReader(b))
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			doc := describe.Definition(def, language, describe.Names(circe.ReadNames(b)))
			text := doc.Text()
			if format == "markdown" {
				text = doc.Markdown()
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "en", "en (English) or fr (French)")
	cmd.Flags().StringVar(&format, "format", "text", "text or markdown")
	return cmd
}
