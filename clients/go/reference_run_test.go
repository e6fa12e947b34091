package tenterhook_test

import (
	"errors"
	"os"
	"testing"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// TestTheCallsOfTheReferenceRun runs them against a server that has none of what they name.
func TestTheCallsOfTheReferenceRun(t *testing.T) {
	target := os.Getenv("TENTERHOOK_TARGET")
	if target == "" {
		t.Fatal("needs the harness: make test-clients")
	}
	client, err := tenterhook.New(target, tenterhook.WithNamespace("reference-go"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// What is watched and listed is there in any order of the calls.
	first := &v1.Webhook{DisplayName: "first", Request: &v1.RequestTemplate{Url: "http://127.0.0.1:9/"}}
	if _, _, err := client.CreateWebhook(t.Context(), first, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Publish(t.Context(), tenterhook.Event{Type: "created"}); err != nil {
		t.Fatal(err)
	}
	whole := map[string]bool{"PublishEvent": true, "CreateWebhook": true, "ListEvents": true, "WatchDeliveries": true}
	for name, call := range referenceCalls {
		_, err := call(t.Context(), client)
		isUnknown := errors.Is(err, tenterhook.ErrNotFound) || errors.Is(err, tenterhook.ErrConflict)
		if err != nil && (!isUnknown || whole[name]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(referenceCalls) < 31 {
		t.Error("calls:", len(referenceCalls))
	}
}
