package tools

import "github.com/vennio-mcp/vennio-mcp/schemas"

// advice is what the model is told about a code where the place that failed has
// nothing better to say.
type advice struct {
	message, next string
	retryable     bool
}

const searchAgain = "Call find_slots for current times and let the person choose again."

// table has one entry for each code; a test sees to it.
var table = map[schemas.Code]advice{
	schemas.CodeInvalidArguments: {"The arguments do not fit.", "Correct them and call again.", false},
	schemas.CodeInvalidTimezone:  {"The time zone is not an IANA name.", "Correct it and call again.", false},
	schemas.CodeInvalidWindow:    {"The window cannot be searched.", "Correct when, or from and to, and call again.", false},
	schemas.CodeUnknownHost:      {"The host is not known.", "Name a host there is.", false},
	schemas.CodeUnknownSlot: {
		"This slot_id is not one that find_slots gave for these hosts.",
		"Copy the slot_id whole, with the same hosts in the same order as in find_slots; else call find_slots again.", false,
	},
	schemas.CodeSlotExpired:     {"This slot_id is more than 2 hours old.", "If an earlier call may have booked it, have the person look in Vennio first. " + searchAgain, false},
	schemas.CodeSlotPast:        {"Vennio cannot book this time: it has passed or is not possible.", searchAgain, false},
	schemas.CodeConsentRequired: {"This call changed nothing: no person has agreed to it yet.", "Show the person what would be written and ask. If they agree, make the same call again with consent {granted: true, given_by: their name, statement: their words}.", false},
	schemas.CodeConsentExpired:  {"This call changed nothing: the person's consent has expired or was used up.", "Make the same call with consent {granted: false} to ask the person again.", false},
	schemas.CodeConsentDeclined: {"This call changed nothing: the person did not agree. (A booking made earlier under this slot_id, if any, still stands.)", "Do not ask for this again. Ask whether another time would do, or stop.", false},
	schemas.CodeConsentMismatch: {
		"This slot_id was already used for something else (other attendees, title, notes, booking or consent); a consent holds only for what was agreed.",
		"To see what was done, repeat the earlier call unchanged. For something else call find_slots and ask the person again.", false,
	},
	schemas.CodeApprovalNeeded:    {"This call changed nothing: here a person must agree to it themselves, an agent's word is not enough.", "Ask the person to approve it, then make the same call again.", true},
	schemas.CodeConsentUnanswered: {"This call changed nothing: the person was asked in this client and gave no answer.", "Do not ask in the same form again.", true},
	schemas.CodeSlotTaken:         {"The time was taken a moment ago.", "Offer the person the alternatives: each needs a new consent, may be up to 15 minutes old, and is checked again at booking.", false},
	schemas.CodeOutcomeUnknown: {
		"Vennio gave no clear answer, so this may or may not have been done.",
		"Make exactly the same call again, within 2 hours of find_slots: it settles this and cannot do it twice. Until then tell the person it is not certain.", true,
	},
	schemas.CodeBookingClosed:        {"This booking can no longer be changed.", "Tell the person. To meet anew call find_slots and ask for consent to a new booking.", false},
	schemas.CodePreview:              {"This call changed nothing: this server only previews for this host.", "Tell the person plainly that nothing was booked or changed, and that they must do it in Vennio. Do not repeat the call.", false},
	schemas.CodeNotAllowed:           {"This call changed nothing: this server's operator does not allow it.", "Do not repeat the call: no consent changes it. Tell the person, and offer what is allowed; vennio://policy says what that is.", false},
	schemas.CodeRejected:             {"Vennio refused the request.", "Correct what it names and call again; if nothing can be corrected, tell the user.", false},
	schemas.CodeUnauthorized:         {"Vennio does not accept this server's API key.", "Tell the user that the operator must check VENNIO_API_KEY. Do not repeat the call.", false},
	schemas.CodeForbidden:            {"This server's key or calendar access does not cover that.", "check_calendar_access shows whose calendars are open. Ask the owner to grant access, or the operator for a key with the scope.", false},
	schemas.CodeNotFound:             {"Vennio knows nothing by that id.", "Check the hosts with the user.", false},
	schemas.CodeCalendarNotConnected: {"The host's calendar is not connected to Vennio, so their free times are unknown (not: none).", "Tell the user that the host must connect the calendar in Vennio. Do not repeat the call.", false},
	schemas.CodeRateLimited:          {"Vennio's hourly limit is used up.", "Wait, then make the same call again.", true},
	schemas.CodeUnavailable:          {"Vennio cannot be reached or is failing.", "Try the same call again in a minute; if it fails again, tell the user.", true},
	schemas.CodeStoreAway:            {"This server's own store cannot be used for now, so this call sent nothing to Vennio.", "Make exactly the same call again in a minute; if it fails again, tell the user.", true},
	schemas.CodeCanceled:             {"The call was cancelled before it was done.", "Make the call again if it is still wanted.", true},
	schemas.CodeInternal:             {"This server failed; the cause is in its log.", "Do not repeat the call; tell the user.", false},
}
