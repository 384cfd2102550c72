// Command eval measures how often a model books wrongly through vennio-mcp. It gives a model the tools of the real
// program, which runs against a sandbox of Vennio with a fixed clock, and lets it work on the cases in the folder
// cases. Then it grades the contents of the sandbox and of the ledger. docs/evaluation.md explains the settings, the
// cases and the report.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
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
	number := func(name string, otherwise int) int {
		n, err := strconv.Atoi(getenv(name))
		switch {
		case getenv(name) == "":
			return otherwise
		case err != nil || n < 0:
			mistake("%s must be a number from 0 on", name)
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
		api: getenv("EVAL_API"), runs: max(1, number("EVAL_RUNS", 3)), parallel: max(1, number("EVAL_PARALLEL", 2)), tokens: number("EVAL_MAX_TOKENS", 0),
		time: length("EVAL_MAX_TIME", 0), out: getenv("EVAL_OUT"),
	}
	d, known := dialects[s.api]
	if !known {
		mistake("EVAL_API must be openai or anthropic")
	}
	s.endpoint = endpoint{
		dialect: d.dialect, url: strings.TrimSuffix(getenv("EVAL_URL"), "/"), model: getenv("EVAL_MODEL"), key: strings.TrimSpace(getenv("EVAL_KEY")),
		stream: getenv("EVAL_STREAM") == "true", maxOutput: number("EVAL_MAX_OUTPUT", 4096), client: newHTTPClient(), timeout: length("EVAL_TIMEOUT", 2*time.Minute), wait: sleep,
	}
	if s.endpoint.url == "" {
		s.endpoint.url = d.url
	}
	if s.endpoint.model == "" {
		mistake("EVAL_MODEL must be the name of a model at the endpoint")
	}
	if err := checkURL(s.endpoint.url, s.endpoint.key); err != nil && s.endpoint.url != "" {
		mistakes = append(mistakes, err)
	}
	if s.out == "" {
		s.out = filepath.Join(".ci", "out", "eval")
	}
	if s.cases, err = chosenCases(getenv("EVAL_CASES")); err != nil {
		mistakes = append(mistakes, err)
	}
	if s.variants, err = chosenVariants(getenv("EVAL_VARIANTS")); err != nil {
		mistakes = append(mistakes, err)
	}
	return s, errors.Join(mistakes...)
}

// checkURL refuses an address at which others could read the key.
func checkURL(address, key string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "":
		return errors.New("EVAL_URL must be an https address without a query, such as https://api.example.com/v1")
	case u.Scheme == "http" && key != "" && !auth.LoopbackHost(u.Hostname()):
		return errors.New("EVAL_URL must be https, because EVAL_KEY would travel in clear text")
	}
	return nil
}

// chosenCases returns the cases whose name or topic is in a comma-separated list; all of them if it is empty.
func chosenCases(list string) ([]*Case, error) {
	all, err := Cases()
	if err != nil || list == "" {
		return all, err
	}
	names := strings.Split(list, ",")
	chosen := slices.DeleteFunc(all, func(c *Case) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return name == c.ID || name == c.Topic || strings.HasPrefix(c.ID, name+"-") })
	})
	if len(chosen) == 0 {
		return nil, fmt.Errorf("EVAL_CASES names no case or topic: %s", list)
	}
	return chosen, nil
}

func chosenVariants(list string) (chosen []Variant, err error) {
	if list == "" {
		return Variants, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(Variants, func(v Variant) bool { return v.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("EVAL_VARIANTS names no variant: %s", name)
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
		report: &Report{API: s.api, Model: s.endpoint.model, Date: now().UTC().Truncate(time.Second), Runs: s.runs},
	}
	if s.time > 0 {
		e.budget.until = now().Add(s.time)
	}
	return e
}
