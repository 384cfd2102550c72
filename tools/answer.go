package tools

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// This file authenticates the answers to questions that travel through clients of 2026-07-28.

// answer is what a client of 2026-07-28 returns with a repeated call. result is nil if it returned only
// the state.
type answer struct {
	state  string
	result *mcp.ElicitationResult
}

type answerKey struct{}

// withAnswer stores the answer that came with a call, if there is one.
func withAnswer(ctx context.Context, req mcp.CallToolRequest) context.Context {
	if len(req.Params.InputResponses) == 0 && req.Params.RequestState == "" {
		return ctx
	}
	result := server.ElicitationResponse(req.Params.InputResponses, questionID)
	return context.WithValue(ctx, answerKey{}, &answer{req.Params.RequestState, result})
}

func answerFrom(ctx context.Context) *answer {
	a, _ := ctx.Value(answerKey{}).(*answer)
	return a
}

var errForeignAnswer = &scheduling.Refusal{
	Code: schemas.CodeConsentRequired, Message: "This call changed nothing: the answer that came with it belongs to another question.",
}

// checkAnswer refuses, before anything else is done, an answer to a question that this server did not
// ask: one that is forged, shortened or from another server (requirement C7).
func (d *Deps) checkAnswer(ctx context.Context) error {
	got := answerFrom(ctx)
	if got == nil {
		return nil
	}
	if id, _, _ := strings.Cut(got.state, "."); !d.isSealed(got.state, id) {
		return errForeignAnswer
	}
	return nil
}

// checkAnswerFor refuses a genuine answer that does not belong to a question about this act: its
// consent, or the payment of its booking.
func (d *Deps) checkAnswerFor(ctx context.Context, act consent.Act) error {
	got := answerFrom(ctx)
	if got == nil {
		return nil
	}
	id, _, _ := strings.Cut(got.state, ".")
	if bookingID, pays := strings.CutPrefix(id, paymentPrefix); pays {
		grant, _, err := d.Ledger.FindConsent(ctx, act)
		if err == nil && (grant == nil || grant.BookingID != bookingID) {
			err = errForeignAnswer
		}
		return err
	}
	p, err := d.Ledger.Proposal(ctx, id)
	if errors.Is(err, consent.ErrNoProposal) || err == nil && p.Act.Digest() != act.Digest() {
		return errForeignAnswer
	}
	return err
}

// seal authenticates the id of a question as a state that travels through the client.
func (d *Deps) seal(id string) string {
	return id + "." + hex.EncodeToString(d.Keys.Sign(questionPurpose+id))
}

const questionPurpose = "vennio-mcp question v1\x00"

// isSealed reports whether the state is the sealed id, exactly as seal writes it.
func (d *Deps) isSealed(state, id string) bool {
	_, digits, _ := strings.Cut(state, ".")
	mac, err := hex.DecodeString(digits)
	return err == nil && state == id+"."+hex.EncodeToString(mac) && d.Keys.Verify(questionPurpose+id, mac)
}
