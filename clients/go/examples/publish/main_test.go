package main

import (
	"testing"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
	"github.com/tenterhook/tenterhook/clients/go/tenterhooktest"
	"github.com/tenterhook/tenterhook/clients/go/webhook"
)

// How the service is tested: with the server itself, in memory.
func TestASavedSiteIsToldOnce(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	server, receiver := tenterhooktest.NewServer(t), tenterhooktest.NewReceiver(t)
	client := server.Client()
	if err := subscribe(t.Context(), client, receiver.URL, secret); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := (sites{client}).save(t.Context(), site{7, "Zürich", "1"}); err != nil {
			t.Fatal(err)
		}
	}
	tenterhooktest.WaitFor(t, client, "site-7-1", v1.DeliveryState_DELIVERY_STATE_SUCCEEDED)
	requests := receiver.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests came", len(requests))
	}
	event, err := webhook.Parse(requests[0].Header, requests[0].Body, []string{secret})
	if err != nil || event.ID != "site-7-1" {
		t.Fatal(event, err)
	}
}
