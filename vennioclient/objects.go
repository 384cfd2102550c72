package vennioclient

import "encoding/json"

// DecodeBooking reads a booking as Vennio writes it, flat or under `booking` or
// `data`, for those who get one elsewhere than in an answer: in a webhook. The
// error says what cannot be read, without repeating it.
func DecodeBooking(raw json.RawMessage) (Booking, error) {
	b, err := bookingFrom(raw)
	if err != nil {
		return Booking{}, err
	}
	return *b, nil
}

// DecodeConsent reads a consent as Vennio writes it, flat or under `consent` or
// `data`. The error says what cannot be read, without repeating it.
func DecodeConsent(raw json.RawMessage) (Consent, error) {
	o, err := payload(raw)
	if err != nil {
		return Consent{}, err
	}
	if inner, err := objectFrom(o["consent"]); err == nil {
		o = inner
	}
	return consentOf(o)
}
