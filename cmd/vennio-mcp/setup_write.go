package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// write shows all answers, and writes the key and the settings of the clients after the person has confirmed.
// What cannot be changed is found before anything is written, as far as possible.
func (s *setup) write(ctx context.Context) error {
	e, err := s.newEntry()
	if err != nil {
		return err
	}
	if err := s.eachClient(ctx, func(c mcpclients.Client) error {
		_, err := c.Install(s.flags.name, e.Entry)
		return err
	}); err != nil {
		return err
	}
	if err := s.confirm(ctx, e); err != nil {
		return err
	}
	if e, err = s.storeKey(ctx, e); err != nil {
		return err
	}
	s.written, s.environment = true, e.Env
	return s.eachClient(ctx, func(c mcpclients.Client) error {
		change, _, err := s.apply(func() (mcpclients.Change, error) { return c.Install(s.flags.name, e.Entry) })
		switch {
		case errors.Is(err, mcpclients.ErrNoCodex):
			return s.byHand(change, e)
		case err != nil:
			return err
		}
		s.say("%s: %s is in %s.", c.Name, s.flags.name, c.Path)
		return nil
	})
}

// newEntry returns the entry for the clients with all answers. It removes settings of an earlier run that the
// answers removed.
func (s *setup) newEntry() (entry, error) {
	e, err := s.entry(s.command, placed{name: s.flags.name})
	if err != nil {
		return e, err
	}
	for name, answer := range s.answers {
		if answer == "" && !isKey(name) {
			e.Env[name] = ""
		}
	}
	if s.getenv(keyVariable) == "" && s.getenv(keyFileVariable) == "" {
		e.Env[keyVariable], e.Env[keyFileVariable] = "", ""
	}
	return e, nil
}

// eachClient does something for each chosen client. If it fails, the person can try again or leave the client
// out.
func (s *setup) eachClient(ctx context.Context, do func(mcpclients.Client) error) error {
	var kept []mcpclients.Client
	for _, c := range s.clients {
		skip := false
		for err := do(c); err != nil && !skip; {
			if s.console.in == nil {
				return err
			}
			s.say("  %s", err)
			if err := s.console.ask(ctx, question{text: "Press Enter to try again, or type skip to leave out " + c.Name, fallback: "again", accept: func(answer string) error {
				if skip = strings.EqualFold(answer, "skip"); !skip && answer != "again" {
					return errors.New("press Enter, or type skip")
				}
				return nil
			}}); err != nil {
				return err
			}
			if !skip {
				err = do(c)
			}
		}
		if !skip {
			kept = append(kept, c)
		}
	}
	s.clients = kept
	return nil
}

// storeKey stores the key, and asks for another folder if it cannot be stored in the present one.
func (s *setup) storeKey(ctx context.Context, e entry) (entry, error) {
	for {
		err := sqldb.ErrNoFolder
		if e.stateDir != "" {
			err = files.MakeWritable(e.stateDir)
		}
		if err == nil {
			_, err = e.keep(s.flags.name)
		}
		if err == nil {
			return e, nil
		}
		err = fmt.Errorf("the key and the records of consent cannot be stored: %w. Make the folder writable, or name another with --state-dir", err)
		if s.console.in == nil {
			return e, err
		}
		s.say("  %s", err)
		err = s.console.ask(ctx, question{text: "Folder to store them in", fallback: e.stateDir, accept: func(answer string) error {
			dir, err := absolute(answer, s.getenv)
			if err == nil {
				s.answers["VENNIO_STATE_DIR"] = dir
			}
			return err
		}})
		if err == nil {
			e, err = s.newEntry()
		}
		if err != nil {
			return e, err
		}
	}
}

// errDry ends setup where it would begin to write.
var errDry = errors.New("setup writes nothing with --dry-run")

// confirm shows what will be written and asks for agreement.
func (s *setup) confirm(ctx context.Context, e entry) error {
	s.say("\nTo be written:")
	s.say("  key       %s", cmp.Or(e.Env[keyFileVariable], "none: the sandbox answers, and nothing real is booked"))
	for _, name := range slices.Sorted(maps.Keys(e.Env)) {
		if !isKey(name) && e.Env[name] != "" {
			s.say("  %s=%s", name, e.Env[name])
		}
	}
	s.say("  clients   %s", joinIDs(s.clients))
	switch {
	case s.flags.dry:
		s.say("Nothing was written.")
		return errDry
	case s.console.in == nil:
		return nil
	}
	return s.console.ask(ctx, question{text: "Write this? yes or no", fallback: "yes", accept: func(answer string) error {
		switch strings.ToLower(answer) {
		case "y", "yes":
			return nil
		case "n", "no":
			return errStopped
		}
		return errors.New("answer yes or no")
	}})
}

// tryOut searches free times with the new settings, through the same tool as an agent does.
func (s *setup) tryOut(ctx context.Context) error {
	cfg, err := s.config(s.command)
	if err != nil {
		return err
	}
	cfg.LogLevel = "disabled" // the result says what failed
	a, err := s.newApp(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	caller, err := inProcessAgent(ctx, a.Server, "vennio-mcp setup")
	if err != nil {
		return err
	}
	defer caller.close()
	found, answer, err := toolCall[schemas.FindSlotsResult](ctx, caller, "find_slots", schemas.FindSlotsInput{})
	switch {
	case err != nil:
		return err
	case answer.isError:
		return fmt.Errorf("the settings were written, but no times could be found: %s", answer.text)
	}
	s.say("\nFree half hours with %s:", strings.Join(found.Hosts, " and "))
	for _, slot := range found.Slots {
		s.say("  %s", schemas.Exact(slot.StartLocal, slot.EndLocal, slot.Timezone))
	}
	if len(found.Slots) == 0 {
		s.say("  none. %s", found.Note)
	}
	s.next(found.Hosts[0])
	return nil
}

// next says how to use what was set up.
func (s *setup) next(host string) {
	if len(s.clients) == 0 {
		s.say("\nNo client was changed. To use these settings in a shell or a service:")
		for _, name := range slices.Sorted(maps.Keys(s.environment)) {
			if value := s.environment[name]; value != "" {
				s.say("  export %s='%s'", name, strings.ReplaceAll(value, "'", `'\''`))
			}
		}
		return
	}
	names := make([]string, len(s.clients))
	for i, c := range s.clients {
		names[i] = c.Name
	}
	s.say("\nRestart %s and ask, for example: Find half an hour with %s next week.", strings.Join(names, ", "), host)
	s.say("To check these settings later: vennio-mcp doctor --client %s", s.clients[0].ID)
}

// prepareApproval pairs a browser or adds a passkey, or says how to do so later.
func (s *setup) prepareApproval(ctx context.Context) error {
	switch now := s.console.in != nil; {
	case s.approve == "":
		return nil
	case now && s.approve == approveInBrowser:
		s.say("")
		return s.linkCommand().RunE(s.command, nil)
	case now && s.approve == approveByPasskey:
		add := s.addPasskeyCommand()
		if err := s.console.ask(ctx, question{text: "Your name, for the record", fallback: s.person(""), accept: func(answer string) error {
			return add.Flags().Set("name", answer)
		}}); err != nil {
			return err
		}
		return add.RunE(s.command, nil)
	}
	command := "approvals link"
	if cfg, err := s.config(s.command); err == nil && (s.approve == approveByPasskey || cfg.Consent == consent.PolicySigned) {
		command = "passkeys add"
	}
	s.say("Before the first booking, prepare to approve it: vennio-mcp %s", command)
	return nil
}
