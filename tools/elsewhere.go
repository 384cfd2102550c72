package tools

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// elsewhere is the refusal that names the ways in which a person can agree.
func (d Deps) elsewhere(p consent.Proposal, asked *schemas.Proposal, code schemas.Code) error {
	next := "Tell the person that this server has no way left to ask them: its operator must serve the approval page, or another client must be used that can ask."
	if ways := d.ways(p.ID); len(ways) > 0 {
		next = "Ask the person to " + strings.Join(ways, ", or to ") + "; within 10 minutes. When they say that they have, call " + p.Act.Tool + " again with the same arguments."
	}
	r := refuse(code, "", next)
	r.Instead.Proposal = asked
	return r
}

func (d Deps) ways(proposal string) (ways []string) {
	if url := d.pageOf(proposal); url != "" {
		ways = append(ways, "open "+url)
	}
	if !d.Sandbox { // whose ledger lives in this process alone
		ways = append(ways, "run `vennio-mcp approvals` in a terminal on this server's machine")
	}
	return ways
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

// headlines are what a person is asked.
var headlines = map[string]string{
	schemas.ActionBook:       "Book this?",
	schemas.ActionReschedule: "Move this booking?",
	schemas.ActionCancel:     "Cancel this booking?",
}

// notesAsked is how much of the notes a form shows: more would push the facts out of
// view. The page shows all of them.
const notesAsked = 300

// plainly is a proposal in the server's words, for the person: an excerpt of the
// notes on one line, every name quoted (bar C8), and without what only an agent needs.
func plainly(to deed) string {
	const name = 98 // with its quotation marks a name is shown in 100
	shown, headline := *to.asked, headlines[to.asked.Action]
	if shown.Action == schemas.ActionCancel && shown.Repeat != "" {
		headline = "Cancel these bookings?"
	}
	shown.SlotID, shown.BookingID, shown.Notes = "", "", ""
	shown.Hosts = slices.Clone(shown.Hosts)
	for i := range shown.Hosts {
		shown.Hosts[i].Name = plain.Quote(shown.Hosts[i].Name, name)
	}
	facts := shown.Facts()
	if to.act.Notes != "" {
		facts += "\n  Notes: " + plain.Excerpt(to.act.Notes, notesAsked)
	}
	return headline + "\n\n" + facts
}
