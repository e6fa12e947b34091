package tenterhooktest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
	"github.com/tenterhook/tenterhook/clients/go/webhook"
)

func subscribe(t *testing.T, client *tenterhook.Client, hook *v1.Webhook) string {
	t.Helper()
	hook.DisplayName = "hook"
	hook.Signing = &v1.SigningPolicy{
		Schemes: []v1.SignatureScheme{v1.SignatureScheme_SIGNATURE_SCHEME_STANDARD_WEBHOOKS},
	}
	_, secret, err := client.CreateWebhook(t.Context(), hook, "")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func publish(t *testing.T, client *tenterhook.Client) string {
	t.Helper()
	event := tenterhook.Event{Type: "created", Data: map[string]any{"name": "Zürich"}}
	result, err := client.Publish(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return result.GetEventId()
}

func TestAnEventArrives(t *testing.T) {
	server, receiver := NewServer(t), NewReceiver(t)
	client := server.Client()
	secret := subscribe(t, client, &v1.Webhook{Request: &v1.RequestTemplate{Url: receiver.URL + "hook"}})
	id := publish(t, client)
	deliveries := WaitFor(t, client, id, v1.DeliveryState_DELIVERY_STATE_SUCCEEDED)
	if len(deliveries) != 1 || len(deliveries[0].GetAttempts()) != 1 {
		t.Fatal(deliveries)
	}
	request := receiver.Wait(1)[0]
	event, err := webhook.Parse(request.Header, request.Body, []string{secret})
	if err != nil || event.ID != id || request.Path != "/hook" {
		t.Fatal(event, err, request.Path)
	}
	for event := range server.Client().ListEvents(t.Context(), nil) {
		t.Fatal("another client sees", event)
	}
}

func TestAReceiverCanFailFirstAndAWaitSeesHowItEnds(t *testing.T) {
	server, receiver := NewServer(t), NewReceiver(t, 500)
	client := server.Client()
	once := &v1.RetryPolicy{MaxAttempts: 1}
	subscribe(t, client, &v1.Webhook{Request: &v1.RequestTemplate{Url: receiver.URL}, Retry: once})
	id := publish(t, client)
	_, err := wait(t.Context(), client, id, v1.DeliveryState_DELIVERY_STATE_SUCCEEDED)
	if err == nil || !strings.Contains(err.Error(), id+" is FAILED: ") || !strings.Contains(err.Error(), "500") {
		t.Fatal(err)
	}
	failed := WaitFor(t, client, id, v1.DeliveryState_DELIVERY_STATE_FAILED)
	if status := failed[0].GetAttempts()[0].GetResponse().GetStatus(); status != 500 {
		t.Fatal(status)
	}
}

func TestAWaitForNothingEnds(t *testing.T) {
	client := NewServer(t).Client()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := wait(ctx, client, publish(t, client), v1.DeliveryState_DELIVERY_STATE_SUCCEEDED)
	if err == nil || !strings.Contains(err.Error(), "it has no delivery") {
		t.Fatal(err)
	}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	if err := (&Server{t: t}).start(startPatience, []string{"--no-such-flag"}); err == nil || !strings.Contains(err.Error(), "--no-such-flag") {
		t.Fatal(err)
	}
	t.Setenv("TENTERHOOK_BIN", "/nowhere")
	if err := (&Server{t: t}).start(startPatience, nil); err == nil || !strings.Contains(err.Error(), "set TENTERHOOK_BIN") {
		t.Fatal(err)
	}
}

func TestAServerThatDoesNotComeUpIsGivenUpWithWhatItWrote(t *testing.T) {
	slow := filepath.Join(t.TempDir(), "slow")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\necho opening the store\nexec tail -f /dev/null\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TENTERHOOK_BIN", slow)
	err := (&Server{t: t}).start(time.Second, nil)
	if err == nil || !strings.Contains(err.Error(), "did not start within 1s: "+slow) || !strings.HasSuffix(err.Error(), "\nopening the store") {
		t.Fatal(err)
	}
}
