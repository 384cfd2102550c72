package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// elsewhere is the answer to a write that waits for a person who was not asked here, or did not
// answer: it names the page where they can. It never names the command line, which a model with a
// shell could run.
func (d Deps) elsewhere(ctx context.Context, p consent.Proposal, to deed, reason schemas.Code) error {
	d.waits(ctx, p)
	again := " Their approval carries it out; make exactly the same call again to learn the result."
	url := d.pageOf(p.ID)
	if strings.HasPrefix(url, "http://localhost:") && !d.Sandbox { // the page ends with this process, the request does not
		again += " If the page no longer opens, the person finds the request among the approvals on this machine."
	}
	if url == "" && d.Sandbox { // whose ledger only this process sees
		return notYet(to, reason, "", "Tell the person that this server has no way to ask them: its operator must serve the approval page, or they must use a client that can ask.")
	}
	if url == "" {
		return notYet(to, reason, "", "Tell the person that the request waits for 10 minutes and that you cannot approve it: they can approve it in a terminal on the machine of this server, as its documentation says, or use a client that can ask them."+again)
	}
	if d.Present != nil && d.Present(p.ID) {
		return notYet(to, reason, url, "The request was opened in the person's browser. If they do not see it, give them the approval page as it is; it is open for 10 minutes, and you cannot approve it for them."+again)
	}
	return notYet(to, reason, url, "Give the person the approval page as it is; it is open for 10 minutes, and you cannot approve it for them."+again)
}

// waits tells others, who may reach the person, that a proposal waits outside the client.
func (d Deps) waits(ctx context.Context, p consent.Proposal) {
	if d.Requested != nil {
		d.Requested(context.WithoutCancel(ctx), p, clientName(ctx))
	}
}

// pageOf is the page on which a person can answer a proposal, "" if there is none.
func (d Deps) pageOf(proposal string) string {
	if d.ApprovalURL == nil {
		return ""
	}
	url, err := d.ApprovalURL(proposal)
	if err != nil {
		d.warn(fmt.Errorf("the approval page: %w", err))
		return ""
	}
	return url
}

// notesAsked is how much of the notes a form shows: more would push the facts out of
// view. The page shows all of them.
const notesAsked = 300

// promptText is a write in the server's words, for the person: one complete line, and below it
// all facts, with every name quoted (requirement C8) and an excerpt of the notes on one line.
func promptText(to deed) string {
	const name = 98 // with its quotation marks a name is shown in 100
	shown := *to.asked
	shown.SlotID, shown.BookingID, shown.Notes = "", "", ""
	shown.Hosts = slices.Clone(shown.Hosts)
	for i, h := range shown.Hosts {
		shown.Hosts[i].Name = sanitize.Quote(h.Name, name)
		if len(to.act.Hosts) == len(shown.Hosts) {
			shown.Hosts[i].Name = to.act.Hosts[i].Label(name, sanitize.Quote)
		}
	}
	facts := shown.Facts()
	if to.act.Notes != "" {
		facts += "\n  Notes: " + sanitize.Excerpt(to.act.Notes, notesAsked)
	}
	return to.act.Question() + "\n\n" + facts
}
