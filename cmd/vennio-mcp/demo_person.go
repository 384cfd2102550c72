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
	"regexp"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// demoPerson is the person of the demo, in a browser that they have paired with the server.
type demoPerson struct {
	*stage
	browser *http.Client
}

// pairs pairs the person's browser, as a person does with the link of vennio-mcp approvals link.
func (d *demo) pairs(ctx context.Context) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	d.human = &demoPerson{d.stage, &http.Client{Jar: jar}}
	db := sqldb.Open(d.state)
	path, err := approval.NewPairings(db, time.Now).NewLink(ctx, "", "")
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	link := onLocalhost(d.agent.url) + path
	d.narrate("Under the policy human no agent can agree for a person. The person pairs a browser once, by a link that no agent sees.")
	d.command([]string{"approvals", "link"}, "Open this in your browser, once, within "+linkLife+":\n"+strings.Replace(link, path[len(path)-20:], "…", 1))
	page, err := d.human.sends(ctx, link, url.Values{"name": {"Ada Byron"}})
	if err == nil && !strings.Contains(page, "<h1>Approvals</h1>") {
		err = errors.New("the browser was not paired")
	}
	return err
}

// approves opens the page of a request and presses Approve; the page then says want.
func (p *demoPerson) approves(ctx context.Context, address, want string) error {
	page, err := p.opens(ctx, address)
	if err != nil {
		return err
	}
	p.page(address, page)
	page, err = p.sends(ctx, address, url.Values{"name": {"Ada Byron"}, "decision": {"approve"}})
	if err != nil {
		return err
	}
	p.person("[Approve]")
	p.page(address, page)
	if !strings.Contains(page, ">"+want+"</h1>") {
		return fmt.Errorf("the page does not say %q", want)
	}
	return nil
}

func (p *demoPerson) opens(ctx context.Context, address string) (string, error) {
	return p.asks(ctx, http.MethodGet, address, nil)
}

func (p *demoPerson) sends(ctx context.Context, address string, form url.Values) (string, error) {
	return p.asks(ctx, http.MethodPost, address, form)
}

func (p *demoPerson) asks(ctx context.Context, method, address string, form url.Values) (string, error) {
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
	pageHeading = regexp.MustCompile(`<h1[^>]*>(.*?)</h1>\s*<p[^>]*>(.*?)</p>`)
	pageFact    = regexp.MustCompile(`<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>`)
	pageTag     = regexp.MustCompile(`<[^>]+>`)
	pageButton  = regexp.MustCompile(`<button[^>]*>(.*?)</button>`)
)

// page shows what stands on a page, as a person reads it.
func (s *stage) page(address, page string) {
	lines := []string{s.in("4", address)}
	if found := pageHeading.FindStringSubmatch(page); found != nil {
		lines = append(lines, s.in("1", plainText(found[1]))+"  "+plainText(found[2]))
	}
	if strings.Contains(page, "<form") {
		for _, fact := range pageFact.FindAllStringSubmatch(page, -1) {
			lines = append(lines, fmt.Sprintf("  %-9s %s", plainText(fact[1]), plainText(strings.ReplaceAll(fact[2], "<br>", " · "))))
		}
	}
	var buttons []string
	for _, b := range pageButton.FindAllStringSubmatch(page, -1) {
		buttons = append(buttons, "["+plainText(b[1])+"]")
	}
	if len(buttons) > 0 {
		lines = append(lines, "  "+strings.Join(buttons, "  "))
	}
	s.line(s.in("1;36", "page    ") + strings.Join(lines, "\n        "))
}

func plainText(fragment string) string {
	return html.UnescapeString(pageTag.ReplaceAllString(fragment, ""))
}

var errNobodyAsked = errors.New("nobody is asked to approve it")

// callApproved calls a tool that writes, has the person approve it on the page, and calls it again: the
// approval has carried it out, and the page says want.
func callApproved[Out any](ctx context.Context, d *demo, tool string, arguments any, want string) (out Out, err error) {
	asked, err := call[schemas.AwaitingConsent](ctx, d.stage, d.agent, tool, arguments)
	if err != nil {
		return out, err
	}
	if asked.Status != schemas.StatusAwaiting || asked.ApprovalURL == "" {
		return out, errNobodyAsked
	}
	if err := d.human.approves(ctx, asked.ApprovalURL, want); err != nil {
		return out, err
	}
	return call[Out](ctx, d.stage, d.agent, tool, arguments)
}
