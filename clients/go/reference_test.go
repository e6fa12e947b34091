package tenterhook_test

// The calls of the API reference, each between its marks; they run against the server of the harness.

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

var referenceCalls = map[string]func(context.Context, *tenterhook.Client) (any, error){
	"CreateToken": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: CreateToken
		response, err := client.Access.CreateToken(ctx, &v1.CreateTokenRequest{
			Role:        "viewer",
			DisplayName: "support",
			Lifetime:    durationpb.New(time.Hour),
		})
		// ANCHOR_END: CreateToken
		return response, err
	},
	"ListTokens": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: ListTokens
		response, err := client.Access.ListTokens(ctx, &v1.ListTokensRequest{PageSize: 100})
		// ANCHOR_END: ListTokens
		return response, err
	},
	"RevokeToken": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: RevokeToken
		response, err := client.Access.RevokeToken(ctx, &v1.RevokeTokenRequest{
			TokenId: "tok_00000000000000000000000000",
		})
		// ANCHOR_END: RevokeToken
		return response, err
	},
	"GetDelivery": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: GetDelivery
		response, err := client.Deliveries.GetDelivery(ctx, &v1.GetDeliveryRequest{
			DeliveryId: "dlv_00000000000000000000000000",
		})
		// ANCHOR_END: GetDelivery
		return response, err
	},
	"RetryDelivery": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: RetryDelivery
		response, err := client.Deliveries.RetryDelivery(ctx, &v1.RetryDeliveryRequest{
			DeliveryId: "dlv_00000000000000000000000000",
		})
		// ANCHOR_END: RetryDelivery
		return response, err
	},
	"BatchRetryDeliveries": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: BatchRetryDeliveries
		response, err := client.Deliveries.BatchRetryDeliveries(ctx, &v1.BatchRetryDeliveriesRequest{
			Filter:       &v1.DeliveryFilter{WebhookIds: []string{"wh_00000000000000000000000000"}, States: []v1.DeliveryState{v1.DeliveryState_DELIVERY_STATE_FAILED}},
			ValidateOnly: true,
		})
		// ANCHOR_END: BatchRetryDeliveries
		return response, err
	},
	"CancelDelivery": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: CancelDelivery
		response, err := client.Deliveries.CancelDelivery(ctx, &v1.CancelDeliveryRequest{
			DeliveryId: "dlv_00000000000000000000000000",
		})
		// ANCHOR_END: CancelDelivery
		return response, err
	},
	"BatchCancelDeliveries": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: BatchCancelDeliveries
		response, err := client.Deliveries.BatchCancelDeliveries(ctx, &v1.BatchCancelDeliveriesRequest{
			Filter:       &v1.DeliveryFilter{WebhookIds: []string{"wh_00000000000000000000000000"}},
			ValidateOnly: true,
		})
		// ANCHOR_END: BatchCancelDeliveries
		return response, err
	},
	"GetDeliveryStats": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: GetDeliveryStats
		response, err := client.Deliveries.GetDeliveryStats(ctx, &v1.GetDeliveryStatsRequest{
			WebhookId:   "wh_00000000000000000000000000",
			Window:      durationpb.New(24 * time.Hour),
			BucketWidth: durationpb.New(time.Hour),
		})
		// ANCHOR_END: GetDeliveryStats
		return response, err
	},
	"GetEvent": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: GetEvent
		response, err := client.Events.GetEvent(ctx, &v1.GetEventRequest{EventId: "site-7"})
		// ANCHOR_END: GetEvent
		return response, err
	},
	"ExplainEvent": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: ExplainEvent
		response, err := client.Events.ExplainEvent(ctx, &v1.ExplainEventRequest{
			Source: &v1.ExplainEventRequest_EventId{EventId: "site-7"},
		})
		// ANCHOR_END: ExplainEvent
		return response, err
	},
	"ReplayEvents": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: ReplayEvents
		response, err := client.Events.ReplayEvents(ctx, &v1.ReplayEventsRequest{
			WebhookId:    "wh_00000000000000000000000000",
			Filter:       &v1.EventFilter{EventTypes: []string{"created"}},
			ValidateOnly: true,
		})
		// ANCHOR_END: ReplayEvents
		return response, err
	},
	"GetServerInfo": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: GetServerInfo
		response, err := client.Server.GetServerInfo(ctx, &v1.GetServerInfoRequest{})
		// ANCHOR_END: GetServerInfo
		return response, err
	},
	"ListNamespaces": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: ListNamespaces
		response, err := client.Server.ListNamespaces(ctx, &v1.ListNamespacesRequest{PageSize: 100})
		// ANCHOR_END: ListNamespaces
		return response, err
	},
	"GetWebhook": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: GetWebhook
		response, err := client.Webhooks.GetWebhook(ctx, &v1.GetWebhookRequest{
			WebhookId: "wh_00000000000000000000000000",
		})
		// ANCHOR_END: GetWebhook
		return response, err
	},
	"UpdateWebhook": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: UpdateWebhook
		response, err := client.Webhooks.UpdateWebhook(ctx, &v1.UpdateWebhookRequest{
			Webhook:    &v1.Webhook{Id: "wh_00000000000000000000000000", Description: "sites of the warehouse"},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"description"}},
		})
		// ANCHOR_END: UpdateWebhook
		return response, err
	},
	"DeleteWebhook": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: DeleteWebhook
		response, err := client.Webhooks.DeleteWebhook(ctx, &v1.DeleteWebhookRequest{
			WebhookId: "wh_00000000000000000000000000",
		})
		// ANCHOR_END: DeleteWebhook
		return response, err
	},
	"PauseWebhook": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: PauseWebhook
		response, err := client.Webhooks.PauseWebhook(ctx, &v1.PauseWebhookRequest{
			WebhookId: "wh_00000000000000000000000000",
			Reason:    "receiver is being moved",
		})
		// ANCHOR_END: PauseWebhook
		return response, err
	},
	"ResumeWebhook": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: ResumeWebhook
		response, err := client.Webhooks.ResumeWebhook(ctx, &v1.ResumeWebhookRequest{
			WebhookId: "wh_00000000000000000000000000",
		})
		// ANCHOR_END: ResumeWebhook
		return response, err
	},
	"RotateSigningKey": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: RotateSigningKey
		response, err := client.Webhooks.RotateSigningKey(ctx, &v1.RotateSigningKeyRequest{
			WebhookId:   "wh_00000000000000000000000000",
			GracePeriod: durationpb.New(24 * time.Hour),
		})
		// ANCHOR_END: RotateSigningKey
		return response, err
	},
	"RevokeSigningKey": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: RevokeSigningKey
		response, err := client.Webhooks.RevokeSigningKey(ctx, &v1.RevokeSigningKeyRequest{
			WebhookId: "wh_00000000000000000000000000",
			KeyId:     "key_00000000000000000000000000",
		})
		// ANCHOR_END: RevokeSigningKey
		return response, err
	},
	"RenderPreview": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: RenderPreview
		response, err := client.Webhooks.RenderPreview(ctx, &v1.RenderPreviewRequest{
			Target: &v1.RenderPreviewRequest_WebhookId{WebhookId: "wh_00000000000000000000000000"},
			Source: &v1.RenderPreviewRequest_EventId{EventId: "site-7"},
		})
		// ANCHOR_END: RenderPreview
		return response, err
	},
	"TestWebhook": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: TestWebhook
		response, err := client.Webhooks.TestWebhook(ctx, &v1.TestWebhookRequest{
			WebhookId: "wh_00000000000000000000000000",
			EventId:   "site-7",
		})
		// ANCHOR_END: TestWebhook
		return response, err
	},
	"PublishEvent": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: PublishEvent
		result, err := client.Publish(ctx, tenterhook.Event{
			ID:         "site-7",
			Type:       "created",
			ObjectType: "dcim.site",
			Data:       map[string]any{"name": "Zürich"},
		})
		if err != nil {
			return nil, err
		}
		fmt.Println(result.GetEventId(), result.GetDeliveryCount())
		// ANCHOR_END: PublishEvent
		return result, nil
	},
	"BatchPublishEvents": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: BatchPublishEvents
		results, err := client.PublishBatch(ctx, []tenterhook.Event{{Type: "created"}, {Type: "updated"}})
		// ANCHOR_END: BatchPublishEvents
		return results, err
	},
	"StreamPublishEvents": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: StreamPublishEvents
		events := slices.Values([]tenterhook.Event{{Type: "created"}, {Type: "updated"}})
		for ack, err := range client.PublishStream(ctx, events) {
			if err != nil {
				return nil, err
			}
			if ack.Err != nil {
				fmt.Println(ack.Sequence, ack.Err)
			}
		}
		// ANCHOR_END: StreamPublishEvents
		return nil, nil
	},
	"CreateWebhook": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: CreateWebhook
		webhook, secret, err := client.CreateWebhook(ctx, &v1.Webhook{
			DisplayName: "sites",
			Request:     &v1.RequestTemplate{Url: "https://example.com/hook"},
			Rules:       []*v1.EventRule{{EventTypes: []string{"created", "updated"}, ObjectTypes: []string{"dcim.site"}}},
			Signing:     &v1.SigningPolicy{Schemes: []v1.SignatureScheme{tenterhook.SignStandardWebhooks}},
		}, "")
		// ANCHOR_END: CreateWebhook
		return []any{webhook, secret}, err
	},
	"ListWebhooks": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: ListWebhooks
		for webhook, err := range client.ListWebhooks(ctx, &v1.ListWebhooksRequest{Labels: map[string]string{"team": "net"}}) {
			if err != nil {
				return nil, err
			}
			fmt.Println(webhook.GetId())
		}
		// ANCHOR_END: ListWebhooks
		return nil, nil
	},
	"ListEvents": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: ListEvents
		for event, err := range client.ListEvents(ctx, &v1.ListEventsRequest{Filter: &v1.EventFilter{EventTypes: []string{"created"}}}) {
			if err != nil {
				return nil, err
			}
			fmt.Println(event.GetId())
		}
		// ANCHOR_END: ListEvents
		return nil, nil
	},
	"ListDeliveries": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: ListDeliveries
		list := client.ListDeliveries(ctx, &v1.ListDeliveriesRequest{
			Filter: &v1.DeliveryFilter{States: []v1.DeliveryState{v1.DeliveryState_DELIVERY_STATE_FAILED}},
		})
		for delivery, err := range list.All {
			if err != nil {
				return nil, err
			}
			fmt.Println(delivery.GetId(), delivery.GetEventId())
		}
		// ANCHOR_END: ListDeliveries
		return nil, nil
	},
	"WatchDeliveries": func(ctx context.Context, client *tenterhook.Client) (any, error) {
		// ANCHOR: WatchDeliveries
		watch := client.Watch(ctx, &v1.WatchDeliveriesRequest{Start: tenterhook.FromEarliest()})
		for change, err := range watch.All() {
			if err != nil {
				return nil, err
			}
			fmt.Println(change.GetDelivery().GetId(), change.GetDelivery().GetState(), change.Token)
			break // yours would go on
		}
		// ANCHOR_END: WatchDeliveries
		return nil, nil
	},
}
