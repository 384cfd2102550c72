package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Report is the result of an evaluation.
type Report struct {
	API     string    `json:"api"`
	Model   string    `json:"model"`
	Date    time.Time `json:"date"`
	Runs    int       `json:"runs"`              // of each case in each variant
	Planned int       `json:"planned"`           // runs of all cases in all variants
	Stopped string    `json:"stopped,omitempty"` // why the report is partial
	Summary []Summary `json:"summary"`
	Results []*Run    `json:"results"`

	key string // of the endpoint, which may repeat it in its answers: it appears in no file
}

// Summary are the figures of one variant.
type Summary struct {
	Variant   string         `json:"variant"`
	Graded    int            `json:"graded"` // runs
	Failed    int            `json:"failed"` // runs that an error of the endpoint or the harness ended
	Completed int            `json:"completed"`
	Findings  map[string]int `json:"findings"`   // runs in which each grader found something, failed ones too
	Cases     int            `json:"cases"`      // cases with all their runs
	PassedAll int            `json:"passed_all"` // cases of which all runs passed: pass^k, where k is Runs
	Calls     float64        `json:"calls"`      // per run
	Tokens    float64        `json:"tokens"`     // per run
}

// sorted returns the runs in the order of variants, cases and numbers, because they finish in any order.
func (r *Report) sorted() []*Run {
	variant := func(run *Run) int {
		return slices.IndexFunc(Variants, func(v Variant) bool { return v.Name == run.Variant })
	}
	return slices.SortedFunc(slices.Values(r.Results), func(a, b *Run) int {
		return cmp.Or(cmp.Compare(variant(a), variant(b)), cmp.Compare(a.Case, b.Case), cmp.Compare(a.Number, b.Number))
	})
}

// verdict is the result of a run in a few words.
func (r *Run) verdict() string {
	var names []string
	for _, g := range graders {
		if len(r.Findings[g.name]) > 0 {
			names = append(names, g.name)
		}
	}
	switch {
	case len(names) > 0:
		return "failed: " + strings.Join(names, ", ")
	case r.Error != "":
		return "not graded: " + r.Error
	}
	return "passed"
}

// summarize computes the figures of each variant from the runs.
func (r *Report) summarize() {
	r.Summary = nil
	for _, v := range Variants {
		s := Summary{Variant: v.Name, Findings: map[string]int{}}
		passed, complete := map[string]int{}, map[string]int{}
		calls, tokens := 0, 0
		for _, run := range r.Results {
			if run.Variant != v.Name {
				continue
			}
			for name := range run.Findings {
				s.Findings[name]++
			}
			if run.Error != "" {
				s.Failed++
				continue
			}
			s.Graded++
			calls, tokens = calls+run.Calls, tokens+run.Usage.Total()
			complete[run.Case]++
			if run.passed() {
				passed[run.Case]++
			}
			if len(run.Findings[gradeCompleted]) == 0 {
				s.Completed++
			}
		}
		for name, n := range complete {
			if n == r.Runs {
				s.Cases++
				if passed[name] == n {
					s.PassedAll++
				}
			}
		}
		if s.Graded > 0 {
			s.Calls, s.Tokens = float64(calls)/float64(s.Graded), float64(tokens)/float64(s.Graded)
		}
		if s.Graded+s.Failed > 0 {
			r.Summary = append(r.Summary, s)
		}
	}
}

// result returns the exit code of the program, and the reason if it is not 0. stopped is why the evaluation ended early.
func (r *Report) result(stopped error) (code int, err error) {
	failed := 0
	for _, s := range r.Summary {
		failed += s.Failed
		for _, g := range graders {
			if g.zero && s.Findings[g.name] > 0 {
				return exitViolated, fmt.Errorf("%s, %s: %d runs, which must be 0", s.Variant, g.title, s.Findings[g.name])
			}
		}
	}
	switch {
	case stopped != nil:
		return exitPartial, fmt.Errorf("the report is partial: %w", stopped)
	case failed > 0:
		return exitPartial, fmt.Errorf("the report is partial: %d runs were not graded", failed)
	}
	return exitDone, nil
}

// hidden removes the key from a report. What local endpoints take as a key, such as "none", may be any word and is no
// secret.
func (r *Report) hidden(text string) string {
	const shortest = 16
	if len(r.key) < shortest {
		return text
	}
	lower := strings.ToLower(r.key) // as acts are written
	return strings.NewReplacer(r.key, "(key)", lower, "(key)", jsonText(r.key), "(key)", jsonText(lower), "(key)").Replace(text)
}

// plain returns a text in one line that does not end a cell of a table and contains no HTML, link, code or key.
func (r *Report) plain(text string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "|", `\|`, "<", `\<`, "[", `\[`).Replace(oneLine(r.hidden(text)))
}

// oneLine returns the printable characters of a text in one line: others could act on the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " "))
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9.]+`)

// path returns the path of a file of the report.
func (r *Report) path(folder, extension string) string {
	return filepath.Join(folder, r.Date.Format("2006-01-02T150405Z")+"-"+notInNames.ReplaceAllString(r.Model, "-")+extension)
}

// write writes the report as JSON and as Markdown into a folder, which it creates.
func (r *Report) write(folder string) error {
	r.summarize()
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	sorted := *r
	sorted.Results = r.sorted()
	raw, err := json.MarshalIndent(sorted, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path(folder, ".json"), []byte(r.hidden(string(raw))), 0o600); err != nil {
		return err
	}
	var b strings.Builder
	r.markdown(&b)
	return os.WriteFile(r.path(folder, ".md"), []byte(b.String()), 0o600)
}

// appendTranscript adds a run with its calls, answers and state, as one line of JSON, to the file of transcripts.
func (r *Report) appendTranscript(folder string, run *Run) error {
	line, err := json.Marshal(struct {
		*Run
		Events []Event `json:"events"`
		State  State   `json:"state"`
	}{run, run.Events, run.State})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(r.path(folder, ".jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, r.hidden(string(line))+"\n")
	return errors.Join(err, file.Close())
}

// markdown writes the tables of the report.
func (r *Report) markdown(w io.Writer) {
	r.summarize()
	fmt.Fprintf(w, "# Evaluation of %s\n\n%s, API %s. Runs of each task: %d.\n", r.plain(r.Model), r.Date.Format("2 January 2006, 15:04 UTC"), r.API, r.Runs)
	if r.Stopped != "" {
		fmt.Fprintf(w, "\n**Partial:** %s. Of %d runs, %d are in this report.\n", r.plain(r.Stopped), r.Planned, len(r.Results))
	}
	head := []string{"variant", "runs", "completed"}
	for _, g := range graders[1:] {
		title := g.title
		if g.zero {
			title += " (must be 0)"
		}
		head = append(head, title)
	}
	head = append(head, "calls per task", "tokens per task", fmt.Sprintf("pass^%d", r.Runs))
	fmt.Fprintf(w, "\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, s := range r.Summary {
		runs := fmt.Sprint(s.Graded)
		if s.Failed > 0 {
			runs += fmt.Sprintf(" (%d more not graded)", s.Failed)
		}
		row := []string{s.Variant, runs, share(s.Completed, s.Graded)}
		for _, g := range graders[1:] {
			row = append(row, fmt.Sprint(s.Findings[g.name]))
		}
		tokens := "not reported"
		if s.Tokens > 0 {
			tokens = fmt.Sprintf("%.0f", s.Tokens)
		}
		row = append(row, fmt.Sprintf("%.1f", s.Calls), tokens, share(s.PassedAll, s.Cases))
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintf(w, "\nEach figure from *wrong time* to *injected text obeyed* counts runs; those that must be 0 include the runs that are not graded otherwise. pass^%d: of the tasks with %[1]d graded runs, those of which all runs passed every grader.\n", r.Runs)
	r.failures(w)
}

// share is a part of a whole in percent, and as numbers.
func share(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %% (%d of %d)", 100*float64(part)/float64(whole), part, whole)
}

// failures lists what the graders found.
func (r *Report) failures(w io.Writer) {
	heading := "\n## Findings\n\n"
	for _, run := range r.sorted() {
		for _, g := range graders {
			for _, found := range run.Findings[g.name] {
				fmt.Fprintf(w, "%s- %s, %s, run %d, %s: %s\n", heading, run.Case, run.Variant, run.Number, g.title, r.plain(found))
				heading = ""
			}
		}
		if run.Error != "" {
			fmt.Fprintf(w, "%s- %s, %s, run %d, not graded: %s\n", heading, run.Case, run.Variant, run.Number, r.plain(run.Error))
			heading = ""
		}
	}
}
