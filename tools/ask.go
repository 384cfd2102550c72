package tools

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// defaultAskTime is how long a person has to answer in the client. A client that
// declares elicitation and does not show it must not hold the call for ever.
const defaultAskTime = 2 * time.Minute

func (d Deps) askTime() time.Duration { return cmp.Or(d.AskTime, defaultAskTime) }

// reply is what came of a question put to a person in the client. The first
// four are outcomes of their own (requirement P6); unable is a client that declared that
// it can ask and answered with an error. A client that can only open a link says
// whether the person opened it: their answer is what they press on the page.
type reply string

const (
	accepted       reply = "accepted in the client"
	declined       reply = "declined in the client"
	notTicked      reply = "accepted in the client without ticking the box"
	dismissed      reply = "cancelled in the client"
	unanswered     reply = "no answer"
	unable         reply = "the client could not ask"
	answeredOnPage reply = "answered on the page"
	opened         reply = "opened the page and did not answer in time"
)

// question is the error of a call that waits for a person: a client of protocol
// 2026-07-28 is handed the question and makes the call again with the answer.
type question struct {
	put   mcp.ElicitationParams
	state string
}

func (*question) Error() string { return "a person is asked" }

// canAsk reports whether the client declared that it can put a form to a person,
// or open the page where there is one. What it did not declare it is never sent
// (requirement P6).
func (d Deps) canAsk(ctx context.Context) bool {
	can := elicitation(ctx)
	return d.showsForms(ctx, can) || can != nil && can.URL != nil && d.ApprovalURL != nil
}

// elicitation is what the client declared; nil where it can ask nobody.
func elicitation(ctx context.Context) *mcp.ElicitationCapability {
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		if info.ClientCapabilities == nil {
			return nil
		}
		return info.ClientCapabilities.Elicitation
	}
	if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		return session.GetClientCapabilities().Elicitation
	}
	return nil
}

// forgotten: what the client declared came with another request, and nothing is
// kept between them. Since 2026-07-28 each request declares it.
func forgotten(ctx context.Context) bool {
	session, ok := server.ClientSessionFromContext(ctx).(interface{ Stateless() bool })
	return ok && session.Stateless() && !server.IsModernRequest(ctx)
}

// showsForms reports whether the client shows forms and their answers count here. An empty
// capability means forms (MCP 2025-11-25, Elicitation).
func (d Deps) showsForms(ctx context.Context, e *mcp.ElicitationCapability) bool {
	counts := d.Policy != consent.PolicyHuman || d.FormsCount == nil || d.FormsCount(ctx)
	return counts && e != nil && (e.Form != nil || e.URL == nil)
}

// question is put in a form where the client shows forms, else as a link to the
// page where it opens links; false where it can do neither.
func (d Deps) question(ctx context.Context, p consent.Proposal, to deed) (mcp.ElicitationParams, bool) {
	can := elicitation(ctx)
	if d.showsForms(ctx, can) {
		return form(to), true
	}
	url := ""
	if can != nil && can.URL != nil {
		url = d.pageOf(p.ID)
	}
	return mcp.ElicitationParams{
		Mode: mcp.ElicitationModeURL, ElicitationID: p.ID, URL: url, Message: promptText(to) + "\n\nOpen the page to approve or decline.",
	}, url != ""
}

// approveField is the one field of a form: a checkbox that the person must tick. Clients that
// accept forms by themselves (Codex in full-access mode) leave it empty, which is a refusal.
const approveField = "approve"

func form(to deed) mcp.ElicitationParams {
	verb := strings.ToLower(to.act.Verb())
	return mcp.ElicitationParams{
		Message: promptText(to),
		RequestedSchema: map[string]any{
			"type": "object",
			"properties": map[string]any{approveField: map[string]any{
				"type": "boolean", "title": "Yes, " + verb + " it", "description": "Tick to agree to exactly this; leave it empty to refuse.",
			}},
			"required": []string{approveField},
		},
	}
}

// ask puts q to the person and waits. A client of 2026-07-28 is asked by the
// error *question instead, and its answer comes with the repeated call; a call
// that comes without one when the time is up had none.
func (d Deps) ask(ctx context.Context, p consent.Proposal, q mcp.ElicitationParams) (reply, error) {
	limited, done := context.WithTimeout(ctx, d.askTime())
	defer done()
	until := d.Now().Add(d.askTime())
	got := answerIn(ctx)
	switch {
	case got != nil && got.result != nil && d.seals(got.state, p.ID):
		return d.meant(limited, p, q, got.result, until), nil
	case got != nil && got.result != nil:
		return "", foreignAnswer() // to a question about this act that has expired since
	case !server.IsModernRequest(ctx):
		return d.askNow(ctx, limited, p, q, until)
	case got != nil && d.Now().Sub(p.At) >= d.askTime(): // asked, and the time is over
		return unanswered, nil
	}
	return "", &question{q, d.seal(p.ID)}
}

// askNow asks over the session and waits for the answer until limited ends; ctx is
// the call's.
func (d Deps) askNow(ctx, limited context.Context, p consent.Proposal, q mcp.ElicitationParams, until time.Time) (reply, error) {
	got, err := d.heard(limited, p, q, until)
	switch {
	case err == nil:
		return d.meant(limited, p, q, got, until), nil
	case ctx.Err() != nil: // the call itself was cancelled
		return "", ctx.Err()
	case limited.Err() != nil:
		return unanswered, nil
	}
	return unable, nil
}

// heard is what the client brings back; meanwhile it is told of the wait.
func (d Deps) heard(ctx context.Context, p consent.Proposal, q mcp.ElicitationParams, until time.Time) (*mcp.ElicitationResult, error) {
	defer d.forPerson(ctx, p, q, until)()
	return elicit(ctx, q)
}

func elicit(ctx context.Context, q mcp.ElicitationParams) (*mcp.ElicitationResult, error) {
	return server.ServerFromContext(ctx).RequestElicitation(ctx, mcp.ElicitationRequest{
		Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)}, Params: q,
	})
}

// meant: that a link was opened is no yes; the person's answer is waited for.
func (d Deps) meant(ctx context.Context, p consent.Proposal, q mcp.ElicitationParams, r *mcp.ElicitationResult, until time.Time) reply {
	got := replyOf(r)
	switch {
	case got == accepted && q.Mode != mcp.ElicitationModeURL && !ticked(r):
		return notTicked
	case got != accepted || q.Mode != mcp.ElicitationModeURL:
		return got
	}
	defer d.forPerson(ctx, p, q, until)()
	if d.Ledger.Wait(ctx, q.ElicitationID) != nil {
		return opened
	}
	if session := server.ClientSessionFromContext(ctx); session != nil && !server.IsModernRequest(ctx) {
		_ = server.ServerFromContext(ctx).SendElicitationComplete(ctx, session, q.ElicitationID) // so that the client stops showing it
	}
	return answeredOnPage
}

// ticked reports whether the person ticked the box of a form.
func ticked(r *mcp.ElicitationResult) bool {
	content, _ := r.Content.(map[string]any)
	agreed, _ := content[approveField].(bool)
	return agreed
}

func replyOf(r *mcp.ElicitationResult) reply {
	switch r.Action {
	case mcp.ElicitationResponseActionAccept:
		return accepted
	case mcp.ElicitationResponseActionDecline:
		return declined
	default:
		return dismissed
	}
}

// seal authenticates a state that travels through the client: it names the
// proposal, and nobody else can make one.
func (d Deps) seal(id string) string { return sealUnder(d.Secret, id) }

func sealUnder(secret []byte, id string) string {
	h := hmac.New(sha256.New, secret)
	_, _ = h.Write([]byte("vennio-mcp question v1\x00" + id))
	return id + "." + hex.EncodeToString(h.Sum(nil))
}

// genuine refuses, before anything else is done, an answer that came with a call
// and is not to a question of this server: forged, cut or foreign (requirement C7).
func (d Deps) genuine(ctx context.Context) error {
	got := answerIn(ctx)
	if got == nil {
		return nil
	}
	if id, _, _ := strings.Cut(got.state, "."); !d.seals(got.state, id) {
		return foreignAnswer()
	}
	return nil
}

// seals: the state is the sealed id, under one of the secrets.
func (d Deps) seals(state, id string) bool {
	return d.verified(func(secret []byte) bool { return hmac.Equal([]byte(state), []byte(sealUnder(secret, id))) })
}

// verified: one of the secrets fits.
func (d Deps) verified(fits func(secret []byte) bool) bool {
	return fits(d.Secret) || slices.ContainsFunc(d.Others, fits)
}

// belongs refuses a genuine answer that is not to a question about this very act.
func (d Deps) belongs(ctx context.Context, act consent.Act) error {
	got := answerIn(ctx)
	if got == nil {
		return nil
	}
	id, _, _ := strings.Cut(got.state, ".")
	switch pays, ours, err := d.pays(ctx, id, act); {
	case err != nil:
		return ledgerRefused(err)
	case pays && !ours:
		return foreignAnswer()
	case pays:
		return nil
	}
	p, err := d.Ledger.Proposal(ctx, id)
	switch {
	case errors.Is(err, consent.ErrNoProposal), err == nil && p.Act.Digest() != act.Digest():
		return foreignAnswer()
	}
	return ledgerRefused(err)
}

func foreignAnswer() error {
	return refuse(schemas.CodeConsentRequired, "This call changed nothing: the answer that came with it belongs to another question.", "")
}

// answer is what a client of 2026-07-28 brings back: result is nil where it
// brought only the state.
type answer struct {
	state  string
	result *mcp.ElicitationResult
}

type answerKey struct{}

const questionID = "agree"

// withAnswer keeps the answer that came with a call, if any.
func withAnswer(ctx context.Context, req mcp.CallToolRequest) context.Context {
	if len(req.Params.InputResponses) == 0 && req.Params.RequestState == "" {
		return ctx
	}
	result := server.ElicitationResponse(req.Params.InputResponses, questionID)
	return context.WithValue(ctx, answerKey{}, &answer{req.Params.RequestState, result})
}

func answerIn(ctx context.Context) *answer {
	a, _ := ctx.Value(answerKey{}).(*answer)
	return a
}

// asking is the result that hands a question to a client of 2026-07-28.
func asking(q *question) *mcp.CallToolResult {
	return server.NewInputRequestBuilder(q.state).Elicit(questionID, q.put).ToolResult()
}
