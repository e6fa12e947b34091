package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
	"github.com/tenterhook/tenterhook/clients/go/webhook"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var body = []byte(`{"event": "created", "timestamp": "2026-03-06T15:11:23.503186+00:00", "model": "site", "username": null, "request_id": "r", "data": {"name": "Zürich"}, "snapshots": {"prechange": null, "postchange": {"id": 1}}}`)

type receiver struct {
	*httptest.Server
	log      bytes.Buffer
	events   []webhook.Event
	failures int
}

func receive(t *testing.T, secrets ...string) *receiver {
	made := &receiver{}
	handle := func(_ context.Context, event webhook.Event) error {
		if made.failures > 0 {
			made.failures--
			return errors.New("not today")
		}
		made.events = append(made.events, event)
		return nil
	}
	logger := slog.New(slog.NewTextHandler(&made.log, nil))
	made.Server = httptest.NewServer(webhook.Handler(secrets, handle, webhook.WithLogger(logger)))
	t.Cleanup(made.Close)
	return made
}

func (r *receiver) post(t *testing.T, content []byte, header http.Header) int {
	t.Helper()
	request, _ := http.NewRequest(http.MethodPost, r.URL, bytes.NewReader(content))
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func sign(t *testing.T, content []byte, opts ...webhook.Option) http.Header {
	t.Helper()
	header, err := webhook.SignForTest(content, secret, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return header
}

func TestAnEventReachesItsHandlerOnceAndAgainWhenThatFailed(t *testing.T) {
	r := receive(t, secret)
	r.failures = 1
	for _, want := range []int{500, 204, 204} {
		if got := r.post(t, body, sign(t, body, webhook.WithID("e1"))); got != want {
			t.Errorf("%d, not %d", got, want)
		}
	}
	if len(r.events) != 1 {
		t.Fatalf("%d events", len(r.events))
	}
	event := r.events[0]
	if event.ID != "e1" || event.Type != "created" || event.Model != "site" || event.Username != "" || event.RequestID != "r" ||
		string(event.Data) != `{"name": "Zürich"}` || event.Prechange != nil || string(event.Postchange) != `{"id": 1}` ||
		event.Time.UTC().Format(time.RFC3339Nano) != "2026-03-06T15:11:23.503186Z" || !bytes.Equal(event.Raw, body) {
		t.Errorf("%+v", event)
	}
}

func TestWhatIsNotToBeTrustedIsRefused(t *testing.T) {
	r := receive(t, secret)
	large := []byte(strings.Repeat("x", webhook.MaxBytes+1))
	for _, one := range []struct {
		status  int
		content []byte
		header  http.Header
	}{
		{401, body, http.Header{}},
		{401, append([]byte(" "), body...), sign(t, body)},
		{401, body, sign(t, body, webhook.At(time.Unix(1, 0)))},
		{413, large, sign(t, large)},
		{500, []byte("no event"), sign(t, []byte("no event"))},
	} {
		if got := r.post(t, one.content, one.header); got != one.status {
			t.Errorf("%d, not %d", got, one.status)
		}
	}
	if len(r.events) != 0 || strings.Contains(r.log.String(), secret) {
		t.Errorf("%d events, %s", len(r.events), r.log.String())
	}
}

func TestAWrongSecretOfTheReceiverIsLoggedAndNo401(t *testing.T) {
	r := receive(t, "")
	if got := r.post(t, body, sign(t, body)); got != 500 || !strings.Contains(r.log.String(), "a secret is empty") {
		t.Errorf("%d, %s", got, r.log.String())
	}
}

func TestRecentIDsForgetTheOldest(t *testing.T) {
	recent := webhook.NewRecentIDs(2)
	for _, id := range []string{"a", "b", "b", "c"} {
		_ = recent.Add(t.Context(), id)
	}
	for id, want := range map[string]bool{"a": false, "b": true, "c": true} {
		if known, _ := recent.Has(t.Context(), id); known != want {
			t.Errorf("%s: %v", id, known)
		}
	}
}

func TestARealDeliveryArrives(t *testing.T) {
	control := os.Getenv("TENTERHOOK_CONTROL")
	if control == "" {
		t.Fatal("needs the harness: make test-clients")
	}
	response, err := http.Get(control + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var variables struct{ Target string }
	if err := json.NewDecoder(response.Body).Decode(&variables); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan webhook.Event, 1)
	server := httptest.NewServer(webhook.Handler([]string{secret}, func(_ context.Context, event webhook.Event) error {
		arrived <- event
		return nil
	}))
	defer server.Close()
	client, err := tenterhook.New(variables.Target, tenterhook.WithNamespace("receive-go-"+time.Now().Format("150405000")))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	made := &v1.Webhook{
		DisplayName: "hook", Request: &v1.RequestTemplate{Url: server.URL},
		Signing: &v1.SigningPolicy{Schemes: []v1.SignatureScheme{v1.SignatureScheme_SIGNATURE_SCHEME_STANDARD_WEBHOOKS}},
	}
	if _, _, err := client.CreateWebhook(t.Context(), made, secret); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Publish(t.Context(), tenterhook.Event{ID: "e1", Type: "created", ObjectType: "dcim.site", Data: map[string]any{"name": "Zürich"}}); err != nil {
		t.Fatal(err)
	}
	select {
	case event := <-arrived:
		var data struct{ Name string }
		if err := json.Unmarshal(event.Data, &data); err != nil || event.ID != "e1" || event.Model != "site" || data.Name != "Zürich" {
			t.Errorf("%+v %s %v", event, event.Data, err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing arrived")
	}
}
