package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/prompts"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

func (p program) toolsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "tools", Short: "Print the tools as a model sees them", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			catalog := tools.Catalog(tools.Deps{Selection: cfg.Tools, Conversation: tools.Conversation{Policy: cfg.Consent, Card: tools.CardMode(cfg.Card)}})
			if asJSON {
				return p.printJSON(catalog)
			}
			_, _ = fmt.Fprintf(p.out, "Instructions\n\n%s\n", prompts.Instructions(tools.Names(catalog), cfg.Consent))
			for _, t := range catalog {
				var schema bytes.Buffer
				if err := json.Indent(&schema, t.RawInputSchema, "", "  "); err != nil {
					return err
				}
				_, _ = fmt.Fprintf(p.out, "\n%s\n\n%s\n\n%s\n", t.Name, t.Description, &schema)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the whole definitions, as tools/list sends them")
	return c
}

func (p program) printJSON(v any) error {
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
