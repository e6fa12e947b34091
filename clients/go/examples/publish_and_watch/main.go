// The publish_and_watch example publishes events and follows their deliveries until each has
// ended: `go run ./examples/publish_and_watch [TARGET] [RECEIVER_URL]`. Without a receiver that
// listens the deliveries are retried, which is shown too.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

func main() {
	target, url := "localhost:50051", "http://127.0.0.1:9000/hook"
	if len(os.Args) > 1 {
		target = os.Args[1]
	}
	if len(os.Args) > 2 {
		url = os.Args[2]
	}
	client, err := tenterhook.New(target)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := run(context.Background(), client, url); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, client *tenterhook.Client, url string) error {
	waits := &v1.BackoffSchedule{Waits: []*durationpb.Duration{durationpb.New(time.Second)}}
	webhook, _, err := client.CreateWebhook(ctx, &v1.Webhook{
		DisplayName: "go example",
		Request:     &v1.RequestTemplate{Url: url},
		Retry:       &v1.RetryPolicy{MaxAttempts: 2, Backoff: &v1.RetryPolicy_Schedule{Schedule: waits}},
	}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		return err
	}
	defer func() {
		_, _ = client.Webhooks.DeleteWebhook(ctx, &v1.DeleteWebhookRequest{WebhookId: webhook.GetId()})
	}()
	results, err := client.PublishBatch(ctx, []tenterhook.Event{{Type: "created"}, {Type: "updated"}, {Type: "deleted"}})
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, result := range results {
		waiting[result.GetEventId()] = true
	}
	fmt.Println("published", len(waiting), "events")
	return follow(ctx, client, webhook.GetId(), waiting)
}

// follow prints changes until every event that is waited for has ended: what has ended already is
// in the list, what is still to come the watch tells.
func follow(ctx context.Context, client *tenterhook.Client, webhookID string, waiting map[string]bool) error {
	filter := &v1.DeliveryFilter{WebhookIds: []string{webhookID}}
	list := client.ListDeliveries(ctx, &v1.ListDeliveriesRequest{Filter: filter})
	for delivery, err := range list.All {
		if err != nil {
			return err
		}
		if ended(delivery) {
			delete(waiting, delivery.GetEventId())
		}
	}
	watch := client.Watch(ctx, &v1.WatchDeliveriesRequest{
		Filter: filter,
		Start:  &v1.WatchDeliveriesRequest_ResumeToken{ResumeToken: list.ResumeToken()},
	})
	defer watch.Close()
	for len(waiting) > 0 {
		change, err := watch.Next()
		if err != nil {
			return err
		}
		delivery := change.GetDelivery()
		fmt.Println(delivery.GetEventId(), delivery.GetState(), delivery.GetLastAttempt().GetOutcome())
		if ended(delivery) {
			delete(waiting, delivery.GetEventId())
		}
	}
	return nil
}

func ended(delivery *v1.Delivery) bool {
	switch delivery.GetState() {
	case v1.DeliveryState_DELIVERY_STATE_SUCCEEDED, v1.DeliveryState_DELIVERY_STATE_FAILED:
		return true
	}
	return false
}
