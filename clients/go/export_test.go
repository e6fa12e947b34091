package tenterhook

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// ReadmeServer is a scripted server that answers the program of the README, for its test.
func ReadmeServer(t *testing.T) string {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	fields := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "event.type"}}}
	answers := []any{
		&v1.CreateWebhookResponse{Webhook: &v1.Webhook{Id: "wh"}, SigningSecret: secret},
		&v1.PublishEventResponse{Result: &v1.PublishResult{EventId: "e", DeliveryCount: 1}},
		&v1.BatchPublishEventsResponse{Results: []*v1.PublishResult{{}, {}}},
		&v1.StreamPublishEventsResponse{}, &v1.StreamPublishEventsResponse{},
		[]any{change(1)},
		&v1.ListDeliveriesResponse{ResumeToken: "r"},
		refused(codes.InvalidArgument, "bad", info("INVALID_FIELD"), fields),
		refused(codes.NotFound, "none", info("WEBHOOK_NOT_FOUND")),
		&v1.PauseWebhookResponse{}, &v1.ResumeWebhookResponse{}, &v1.DeleteWebhookResponse{},
	}
	return newFake(t, answers...).target
}
