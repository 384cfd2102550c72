package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// demoBrowser is the browser of the person in the demo, paired with the server.
type demoBrowser struct {
	*transcript
	browser *http.Client
}

// pairBrowser pairs the browser, as a person does with the link of vennio-mcp approvals link.
func (d *demo) pairBrowser(ctx context.Context) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	d.browser = &demoBrowser{d.transcript, &http.Client{Jar: jar}}
	db := sqldb.Open(d.state)
	path, err := approval.NewPairings(db, time.Now).NewLink(ctx, "", "")
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	link := strings.Replace(d.agent.url, "127.0.0.1", "localhost", 1) + path
	d.narrate("Under the policy human no agent can agree for a person. The person pairs a browser once, by a link that no agent sees.")
	d.showCommand([]string{"approvals", "link"}, "Open this in your browser, once, within "+app.LinkLife+":\n"+strings.Replace(link, path[len(path)-20:], "…", 1))
	page, err := d.browser.post(ctx, link, url.Values{"name": {"Ada Byron"}})
	if err == nil && !strings.Contains(page, "<h1>Approvals</h1>") {
		err = errors.New("the browser was not paired")
	}
	return err
}

// approve opens the page of a request and presses Approve. The heading of the page is want after that.
func (p *demoBrowser) approve(ctx context.Context, address, want string) error {
	page, err := p.do(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	p.page(address, page)
	page, err = p.post(ctx, address, url.Values{"name": {"Ada Byron"}, "decision": {"approve"}})
	if err != nil {
		return err
	}
	p.personSays("[Approve]")
	p.page(address, page)
	if !strings.Contains(page, ">"+want+"</h1>") {
		return fmt.Errorf("the page does not say %q", want)
	}
	return nil
}

func (p *demoBrowser) post(ctx context.Context, address string, form url.Values) (string, error) {
	return p.do(ctx, http.MethodPost, address, form)
}

func (p *demoBrowser) do(ctx context.Context, method, address string, form url.Values) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := p.browser.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	const most = 1 << 20
	raw, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", address, resp.Status)
	}
	return string(raw), err
}

var (
	pageHeading = lazyregexp.New(`<h1[^>]*>(.*?)</h1>\s*<p[^>]*>(.*?)</p>`)
	pageFact    = lazyregexp.New(`<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>`)
	pageTag     = lazyregexp.New(`<[^>]+>`)
	pageButton  = lazyregexp.New(`<button[^>]*>(.*?)</button>`)
)

// page shows the contents of a page as a person reads it.
func (s *transcript) page(address, page string) {
	lines := []string{s.style("4", address)}
	if found := pageHeading().FindStringSubmatch(page); found != nil {
		lines = append(lines, s.style("1", plainText(found[1]))+"  "+plainText(found[2]))
	}
	if strings.Contains(page, "<form") {
		for _, fact := range pageFact().FindAllStringSubmatch(page, -1) {
			lines = append(lines, fmt.Sprintf("  %-9s %s", plainText(fact[1]), plainText(strings.ReplaceAll(fact[2], "<br>", " · "))))
		}
	}
	var buttons []string
	for _, b := range pageButton().FindAllStringSubmatch(page, -1) {
		buttons = append(buttons, "["+plainText(b[1])+"]")
	}
	if len(buttons) > 0 {
		lines = append(lines, "  "+strings.Join(buttons, "  "))
	}
	s.line(s.style("1;36", "page    ") + strings.Join(lines, "\n        "))
}

func plainText(fragment string) string {
	return html.UnescapeString(pageTag().ReplaceAllString(fragment, ""))
}

var errNotAsked = errors.New("nobody is asked to approve the call")

// callApproved calls a tool that writes, has the person approve it on the page, and calls it again. The
// approval executes the write, and the heading of the page is want after that.
func callApproved[Out any](ctx context.Context, d *demo, tool string, arguments any, want string) (out Out, err error) {
	asked, err := call[schemas.AwaitingConsent](ctx, d.transcript, d.agent, tool, arguments)
	if err != nil {
		return out, err
	}
	if asked.Status != schemas.StatusAwaiting || asked.ApprovalURL == "" {
		return out, errNotAsked
	}
	if err := d.browser.approve(ctx, asked.ApprovalURL, want); err != nil {
		return out, err
	}
	return call[Out](ctx, d.transcript, d.agent, tool, arguments)
}

// transcript prints the demo.
type transcript struct {
	out    io.Writer
	colour bool
	last   string // arguments of the call before
}

func (s *transcript) title(text string)      { s.line("\n" + s.style("1", text)) }
func (s *transcript) personSays(text string) { s.line("\n" + s.style("1;36", "person  ") + text) }
func (s *transcript) narrate(text string)    { s.line("\n" + s.style("3", text)) }

// showCall shows a call; of a repeated call it shows only that it is the same.
func (s *transcript) showCall(tool string, arguments []byte) {
	shown := string(arguments)
	if shown == s.last {
		shown = "{the very same arguments}"
	}
	s.last = string(arguments)
	s.line(s.style("1;33", "agent   ") + tool + " " + s.style("2", shown))
}

func (s *transcript) showAnswer(text string, isError bool) {
	name := s.style("1;34", "server  ")
	if isError {
		name = s.style("1;31", "server  ")
	}
	s.line(name + strings.ReplaceAll(text, "\n", "\n        "))
}

func (s *transcript) showCommand(args []string, printed string) {
	s.line(s.style("1;35", "shell   ") + "$ vennio-mcp " + strings.Join(args, " "))
	s.line("        " + strings.ReplaceAll(strings.TrimSpace(printed), "\n", "\n        "))
}

func (s *transcript) showEvent(what string) { s.line(s.style("1;35", "sink    ") + what) }

func (s *transcript) ok(format string, args ...any) error {
	_, err := fmt.Fprintln(s.out, s.style("1;32", "   ok   ")+fmt.Sprintf(format, args...))
	return err
}

func (s *transcript) line(text string) { _, _ = fmt.Fprintln(s.out, text) }

func (s *transcript) style(style, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}
