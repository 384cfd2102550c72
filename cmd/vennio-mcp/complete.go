package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// completeValues gives every flag and argument of a command and those below it a completion, so that a
// shell offers files only where a file is meant.
func (p program) completeValues(c *cobra.Command) {
	if c.ValidArgs == nil && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, flags := range []*pflag.FlagSet{c.PersistentFlags(), c.LocalNonPersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if complete := p.completion(f); complete != nil {
				_ = c.RegisterFlagCompletionFunc(f.Name, complete) // fails where the flag has one already
			}
		})
	}
	for _, sub := range c.Commands() {
		p.completeValues(sub)
	}
}

// completion completes the values of a flag; nil: file names.
func (p program) completion(f *pflag.Flag) cobra.CompletionFunc {
	kind, v := f.Value.Type(), (*flagValue)(nil)
	v, _ = f.Value.(*flagValue)
	switch {
	case kind == "file":
		return nil
	case kind == "folder":
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case v != nil && v.choices != nil:
		return cobra.FixedCompletions(v.choices, cobra.ShellCompDirectiveNoFileComp)
	case kind == "zone":
		return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return times.SuggestZones(typed, 50), cobra.ShellCompDirectiveNoFileComp
		}
	case f.Name == "tools":
		return completeList(tools.Names(tools.Catalog(tools.Deps{Selection: tools.Selection{Toolsets: tools.Toolsets()}})))
	case f.Name == "toolsets":
		return completeList(tools.Toolsets())
	case f.Name == tenantFlag:
		return p.completeTenants
	case f.Name == "sink":
		return p.completeSinks
	case f.Name == "type" || f.Name == "events":
		return cobra.FixedCompletions(append([]string{"booking.*"}, app.DocumentedEvents("guide")...), cobra.ShellCompDirectiveNoFileComp)
	}
	return cobra.NoFileCompletions
}

func completeList(names []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) (all []string, _ cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		for _, name := range names {
			if !slices.Contains(strings.Split(before, ","), name) {
				all = append(all, before+name)
			}
		}
		return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

func (p program) completeTenants(c *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if cfg, err := p.config(c); err == nil {
		for _, t := range cfg.Tenants {
			names = append(names, t.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (p program) completeSinks(c *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if cfg, err := p.config(c); err == nil {
		own, _ := cfg.Of(tenantIn(c))
		for _, s := range own.Sinks {
			names = append(names, s.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// mostCompletions is how many ids a shell is offered, the newest.
const mostCompletions = 50

// completeIDs completes one id from the store. A store that does not exist yet is not created.
func (p program) completeIDs(list func(context.Context, *cobra.Command, config.Config, *sqldb.DB) ([]string, error)) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		cfg, err := p.config(c)
		if err != nil || len(args) > 0 || commandStore(cfg) == "" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		db := sqldb.Open(commandStore(cfg))
		defer func() { _ = db.Close() }()
		if !db.Exists() {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ids, err := list(c.Context(), c, cfg, db)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

func (p program) openRequestIDs(ctx context.Context, _ *cobra.Command, cfg config.Config, db *sqldb.DB) (ids []string, err error) {
	open, _, err := p.ledger(cfg, db).OpenPage(ctx, "", mostCompletions)
	for _, r := range open {
		ids = append(ids, cobra.CompletionWithDesc(r.ID, r.Act.Question()))
	}
	return ids, err
}

// completeInInbox completes one id from the webhook events of the tenant that the command line names.
func (p program) completeInInbox(list func(context.Context, *webhooks.Inbox) ([]string, error)) cobra.CompletionFunc {
	return p.completeIDs(func(ctx context.Context, c *cobra.Command, _ config.Config, db *sqldb.DB) ([]string, error) {
		all, err := webhooks.Open(db, webhooks.Options{Now: p.now})
		if err != nil {
			return nil, err
		}
		return list(ctx, all.Of(tenantIn(c)))
	})
}

func eventIDs(ctx context.Context, in *webhooks.Inbox) (ids []string, err error) {
	found, err := in.List(ctx, webhooks.EventFilter{Limit: mostCompletions})
	for _, e := range found {
		ids = append(ids, cobra.CompletionWithDesc(e.ID, e.Type))
	}
	return ids, err
}

func deadLetterIDs(ctx context.Context, in *webhooks.Inbox) (ids []string, err error) {
	dead, err := in.DeadLetters(ctx)
	for _, d := range dead[:min(len(dead), mostCompletions)] {
		ids = append(ids, cobra.CompletionWithDesc(strconv.FormatInt(d.ID, 10), d.Task.To))
	}
	return ids, err
}

func (p program) browserIDs(ctx context.Context, c *cobra.Command, _ config.Config, db *sqldb.DB) (ids []string, err error) {
	all, err := approval.NewPairings(db, p.clock()).Browsers(ctx, tenantIn(c))
	for _, b := range all {
		ids = append(ids, cobra.CompletionWithDesc(b.ID, b.Name))
	}
	return ids, err
}

func subscriptionIDs(ctx context.Context, in *webhooks.Inbox) (ids []string, err error) {
	kept, err := in.Subscriptions(ctx)
	for _, s := range kept {
		ids = append(ids, cobra.CompletionWithDesc(s.ID, s.URL))
	}
	return ids, err
}
