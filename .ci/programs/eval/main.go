// Command eval measures how often a model books wrongly through vennio-mcp. It gives a model the tools of the real
// program, which runs against a sandbox of Vennio with a fixed clock, and lets it work on the cases in the folder
// cases. Then it grades the contents of the sandbox and of the ledger. docs/evaluation.md explains the settings, the
// cases and the report.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "eval:", err)
	}
	os.Exit(code)
}

// The exit codes.
const (
	exitDone     = 0
	exitViolated = 1 // a grader whose figure must be 0 found something
	exitUsage    = 2 // the settings cannot be used
	exitPartial  = 3 // the budget is exhausted, the endpoint failed, or the evaluation was cancelled: the report is partial
)

// run evaluates as the environment says. It writes the tables to out, and a line for each run to progress.
func run(ctx context.Context, getenv func(string) string, out, progress io.Writer) (code int, err error) {
	s, err := readSettings(getenv)
	if err != nil {
		return exitUsage, err
	}
	e := s.evaluation(time.Now)
	e.progress = progress
	if err := e.report.write(s.out); err != nil { // before any token is spent
		return exitUsage, fmt.Errorf("EVAL_OUT must be a folder that can be written: %w", err)
	}
	stopped := e.execute(ctx)
	if err := e.report.write(s.out); err != nil {
		return exitUsage, err
	}
	e.report.markdown(out)
	return e.report.result(stopped)
}

// settings are the values of the environment variables.
type settings struct {
	api      string
	endpoint endpoint
	runs     int
	parallel int
	tokens   int           // of all runs; 0: no limit
	time     time.Duration // of all runs; 0: no limit
	cases    []*Case
	variants []Variant
	out      string
}

var dialects = map[string]struct {
	dialect
	url string
}{
	"openai":    {openAI{}, "https://api.openai.com/v1"},
	"anthropic": {anthropic{}, "https://api.anthropic.com/v1"},
}

// readSettings reads the settings and reports all mistakes together.
func readSettings(getenv func(string) string) (s settings, err error) {
	var mistakes []error
	mistake := func(format string, values ...any) { mistakes = append(mistakes, fmt.Errorf(format, values...)) }
	number := func(name string, least, otherwise int) int {
		n, err := strconv.Atoi(getenv(name))
		switch {
		case getenv(name) == "":
			return otherwise
		case err != nil || n < least:
			mistake("%s must be a number from %d on", name, least)
		}
		return n
	}
	length := func(name string, otherwise time.Duration) time.Duration {
		d, err := time.ParseDuration(getenv(name))
		switch {
		case getenv(name) == "":
			return otherwise
		case err != nil || d <= 0:
			mistake("%s must be a duration such as 30m", name)
		}
		return d
	}
	s = settings{
		api: getenv("EVAL_API"), runs: number("EVAL_RUNS", 1, 3), parallel: number("EVAL_PARALLEL", 1, 2), tokens: number("EVAL_MAX_TOKENS", 0, 0),
		time: length("EVAL_MAX_TIME", 0), out: cmp.Or(getenv("EVAL_OUT"), filepath.Join(".ci", "out", "eval")),
	}
	d, known := dialects[s.api]
	if !known {
		mistake("EVAL_API must be openai or anthropic")
	}
	s.endpoint = endpoint{
		dialect: d.dialect, url: strings.TrimSuffix(getenv("EVAL_URL"), "/"), model: getenv("EVAL_MODEL"), key: strings.TrimSpace(getenv("EVAL_KEY")),
		stream: getenv("EVAL_STREAM") == "true", maxOutput: number("EVAL_MAX_OUTPUT", 1, 4096), client: newHTTPClient(), timeout: length("EVAL_TIMEOUT", 2*time.Minute), wait: sleep,
	}
	if stream := getenv("EVAL_STREAM"); !slices.Contains([]string{"", "true", "false"}, stream) {
		mistake("EVAL_STREAM must be true or false")
	}
	if s.endpoint.model == "" {
		mistake("EVAL_MODEL must be the name of a model at the endpoint")
	}
	if s.endpoint.url == "" {
		s.endpoint.url = d.url
		if known && s.endpoint.key == "" {
			mistake("EVAL_KEY must be a key of %s; set EVAL_URL for another endpoint", d.url)
		}
	}
	if known {
		mistakes = append(mistakes, s.endpoint.checkURL(), s.endpoint.checkKey())
	}
	if s.cases, err = chosenCases(getenv("EVAL_CASES")); err != nil {
		mistakes = append(mistakes, err)
	}
	if s.variants, err = chosenVariants(getenv("EVAL_VARIANTS")); err != nil {
		mistakes = append(mistakes, err)
	}
	return s, errors.Join(mistakes...)
}

// checkKey refuses a key that no header can carry.
func (e *endpoint) checkKey() error {
	if strings.ContainsFunc(e.key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("EVAL_KEY must be printable ASCII without spaces, as the provider shows it")
	}
	return nil
}

// checkURL refuses an address at which others could read the key.
func (e *endpoint) checkURL() error {
	u, err := url.Parse(e.url)
	switch {
	case strings.HasSuffix(e.url, e.path()):
		return fmt.Errorf("EVAL_URL must not end with %s, which is added to it", e.path())
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("EVAL_URL must be an https address without a query, such as https://api.example.com/v1")
	case u.Scheme == "http" && e.key != "" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback(): // a proxy or DNS may see other names
		return errors.New("EVAL_URL must be https, because EVAL_KEY would travel in clear text")
	}
	return nil
}

// chosenCases returns the cases whose name or topic is in a comma-separated list; all of them if it is empty.
func chosenCases(list string) ([]*Case, error) {
	all, err := Cases()
	all = slices.Clone(all)
	if err != nil || list == "" {
		return all, err
	}
	chosen := map[*Case]bool{}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		known := false
		for _, c := range all {
			if number, rest, _ := strings.Cut(c.ID, "-"); slices.Contains([]string{number, rest, c.ID, c.Topic}, name) {
				chosen[c], known = true, true
			}
		}
		if !known {
			return nil, fmt.Errorf("EVAL_CASES names no task: %q; use numbers such as 01, names, or the topics %s", name, strings.Join(Topics, ", "))
		}
	}
	return slices.DeleteFunc(all, func(c *Case) bool { return !chosen[c] }), nil
}

func chosenVariants(list string) (chosen []Variant, err error) {
	if list == "" {
		return Variants, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(Variants, func(v Variant) bool { return v.Name == strings.TrimSpace(name) })
		if i < 0 || slices.Contains(chosen, Variants[i]) {
			var names []string
			for _, v := range Variants {
				names = append(names, v.Name)
			}
			return nil, fmt.Errorf("EVAL_VARIANTS must list some of %s, each once, not %q", strings.Join(names, ", "), name)
		}
		chosen = append(chosen, Variants[i])
	}
	return chosen, nil
}

// evaluation returns the evaluation that the settings describe.
func (s settings) evaluation(now func() time.Time) *evaluation {
	e := &evaluation{
		cases: s.cases, variants: s.variants, runs: s.runs, parallel: s.parallel, model: func(*Case) Model { return &s.endpoint },
		budget: &budget{now: now, tokens: s.tokens}, out: s.out,
		report: &Report{API: s.api, Model: s.endpoint.model, Date: now().UTC().Truncate(time.Second), Runs: s.runs, Planned: s.runs * len(s.cases) * len(s.variants), key: s.endpoint.key},
	}
	if s.time > 0 {
		e.budget.until = now().Add(s.time)
	}
	wait := s.endpoint.wait
	s.endpoint.wait = func(ctx context.Context, d time.Duration) error { return cmp.Or(wait(ctx, d), e.budget.check()) }
	return e
}
