package webhook

import (
	"encoding/json"
	"net/http"
	"time"
)

// Event is an event as it was delivered by a webhook without a body template.
type Event struct {
	// ID is the event's, the same at each delivery of it; empty for the schemes that send none.
	ID string
	// Type is what happened, such as `created`.
	Type string
	// Time is when it happened.
	Time time.Time
	// Model is the last part of the object type, such as `site`; empty if the event has none.
	Model string
	// Username is who did it; empty if the event has none.
	Username string
	// RequestID joins events of one request; empty if the event has none.
	RequestID string
	// Data is the object as it was when the event was published; `null` if the event has none.
	Data json.RawMessage
	// Prechange is the object before the change; nil when it was created.
	Prechange json.RawMessage
	// Postchange is the object after the change; nil when it was deleted.
	Postchange json.RawMessage
	// Raw is the body as it arrived.
	Raw []byte
}

// Parse verifies a request, as [Verify] does, and returns its event. Its error wraps [ErrMisconfigured] also when the
// webhook has a body template: such a body only its receiver can read, after Verify.
func Parse(header http.Header, body []byte, secrets []string, opts ...Option) (Event, error) {
	if err := Verify(header, body, secrets, opts...); err != nil {
		return Event{}, err
	}
	var fields struct {
		Event     string
		Timestamp time.Time
		Model     string
		Username  string
		RequestID string `json:"request_id"`
		Data      json.RawMessage
		Snapshots struct{ Prechange, Postchange json.RawMessage }
	}
	if json.Unmarshal(body, &fields) != nil || fields.Event == "" || fields.Timestamp.IsZero() {
		return Event{}, misconfigured("the body is signed but is no event: the webhook has a body template; use Verify and read the body")
	}
	event := Event{
		Type: fields.Event, Time: fields.Timestamp, Model: fields.Model, Username: fields.Username, RequestID: fields.RequestID,
		Data: fields.Data, Prechange: unlessNull(fields.Snapshots.Prechange), Postchange: unlessNull(fields.Snapshots.Postchange), Raw: body,
	}
	if chosen(opts).scheme == StandardWebhooks {
		event.ID, _ = one(header, "webhook-id") // it was verified
	}
	return event, nil
}

func unlessNull(value json.RawMessage) json.RawMessage {
	if string(value) == "null" {
		return nil
	}
	return value
}
