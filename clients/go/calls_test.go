package tenterhook

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

var unavailable = status.Error(codes.Unavailable, "not now")

func failure(t *testing.T, err error) *Error {
	t.Helper()
	var found *Error
	if !errors.As(err, &found) {
		t.Fatalf("%v (%T) is no *Error", err, err)
	}
	return found
}

func TestPublishRetriesUnderOneID(t *testing.T) {
	server := newFake(t, unavailable, unavailable, published("e"))
	result, err := server.client(t).Publish(background(t), Event{Type: "created"})
	if err != nil || result.GetEventId() != "e" {
		t.Fatal(result, err)
	}
	ids := map[string]bool{}
	for _, request := range server.seen() {
		ids[request.(*v1.PublishEventRequest).GetEvent().GetId()] = true
	}
	if len(server.seen()) != 3 || len(ids) != 1 || ids[""] {
		t.Error(len(server.seen()), ids)
	}
}

func TestUnavailableIsRetriedEvenWhereNothingIsIdempotent(t *testing.T) {
	server := newFake(t, unavailable, &v1.RetryDeliveryResponse{})
	if _, err := server.client(t).Deliveries.RetryDelivery(background(t), &v1.RetryDeliveryRequest{}); err != nil {
		t.Error(err)
	}
}

func TestRetryInfoIsObeyed(t *testing.T) {
	server := newFake(t, refused(codes.ResourceExhausted, "slow", info("RATE_LIMITED"), retryInfo(300*time.Millisecond)), published("e"))
	start := time.Now()
	if _, err := server.client(t).Publish(background(t), Event{Type: "created"}); err != nil {
		t.Fatal(err)
	}
	if time.Since(start) < 300*time.Millisecond {
		t.Error("too early")
	}
}

func TestRetryInfoAloneRepeatsNoCallThatIsNotIdempotent(t *testing.T) {
	server := newFake(t, refused(codes.ResourceExhausted, "slow", retryInfo(10*time.Millisecond)))
	_, err := server.client(t).Deliveries.RetryDelivery(background(t), &v1.RetryDeliveryRequest{})
	if got := failure(t, err); got.RetryAfter != 10*time.Millisecond || len(server.seen()) != 1 {
		t.Error(got, len(server.seen()))
	}
}

func TestAWaitBeyondTheDeadlineIsNotBegun(t *testing.T) {
	server := newFake(t, refused(codes.Unavailable, "later", retryInfo(time.Minute)))
	start := time.Now()
	_, err := server.client(t).Publish(background(t), Event{Type: "created"})
	if !errors.Is(err, ErrUnavailable) || time.Since(start) > 5*time.Second {
		t.Error(err)
	}
}

func TestOtherErrorsAreToldAtOnce(t *testing.T) {
	for _, code := range []codes.Code{codes.Internal, codes.InvalidArgument, codes.PermissionDenied} {
		server := newFake(t, status.Error(code, "no"))
		_, err := server.client(t).Publish(background(t), Event{Type: "created"})
		if failure(t, err).Code != code || len(server.seen()) != 1 {
			t.Error(err)
		}
	}
}

func TestRetriesCanBeTurnedOff(t *testing.T) {
	server := newFake(t, unavailable)
	_, err := server.client(t, WithRetry(RetryPolicy{Disabled: true})).Publish(background(t), Event{Type: "created"})
	if !errors.Is(err, ErrUnavailable) || len(server.seen()) != 1 {
		t.Error(err)
	}
}

func TestTheDeadlineCoversAllTries(t *testing.T) {
	server := newFake(t, slices.Repeat([]any{unavailable}, 500)...)
	start := time.Now()
	_, err := server.client(t, WithTimeout(500*time.Millisecond)).Publish(context.Background(), Event{Type: "created"})
	if took := time.Since(start); err == nil || took > 2*time.Second || len(server.seen()) < 3 {
		t.Error(err, took, len(server.seen()))
	}
}

func TestTheContextsDeadlineWins(t *testing.T) {
	slow := func(proto.Message) proto.Message { time.Sleep(600 * time.Millisecond); return published("late") }
	server := newFake(t, slow)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := server.client(t).Publish(ctx, Event{Type: "created"})
	if failure(t, err).Code != codes.DeadlineExceeded {
		t.Error(err)
	}
}

func TestACancelledContextEndsTheRetries(t *testing.T) {
	server := newFake(t, slices.Repeat([]any{unavailable}, 500)...)
	ctx, cancel := context.WithCancel(background(t))
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := server.client(t).Publish(ctx, Event{Type: "created"})
	if failure(t, err).Code != codes.Canceled || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCodesHaveKinds(t *testing.T) {
	for code, kind := range map[codes.Code]error{
		codes.NotFound: ErrNotFound, codes.AlreadyExists: ErrConflict, codes.Aborted: ErrConflict,
		codes.FailedPrecondition: ErrConflict, codes.InvalidArgument: ErrInvalid, codes.OutOfRange: ErrInvalid,
	} {
		_, err := newFake(t, status.Error(code, "no")).client(t).GetDelivery(background(t), "dlv")
		if !errors.Is(err, kind) {
			t.Errorf("%v: %v", code, err)
		}
		if status.Code(err) != code {
			t.Errorf("%v: status %v", code, status.Code(err))
		}
	}
}

func TestAnErrorTellsReasonFieldsAndMetadata(t *testing.T) {
	bad := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "webhook.request.url", Description: "is not absolute"},
	}}
	server := newFake(t, refused(codes.InvalidArgument, "no", info("URL_FORBIDDEN", "host", "10.0.0.1"), bad))
	_, _, err := server.client(t).CreateWebhook(background(t), &v1.Webhook{}, "")
	got := failure(t, err)
	if got.Reason != v1.ErrorReason_ERROR_REASON_URL_FORBIDDEN || got.ReasonName() != "URL_FORBIDDEN" ||
		got.Metadata["host"] != "10.0.0.1" || got.FieldViolations[0].Field != "webhook.request.url" ||
		got.Error() != "tenterhook: InvalidArgument URL_FORBIDDEN: no" {
		t.Errorf("%+v", got)
	}
}

func TestAReasonOfAnotherDomainOrANewerServerIsUnspecified(t *testing.T) {
	foreign := &errdetails.ErrorInfo{Domain: "else", Reason: "EVENT_NOT_FOUND"}
	for _, detail := range []*errdetails.ErrorInfo{foreign, info("NEW")} {
		_, err := newFake(t, refused(codes.NotFound, "none", detail)).client(t).GetDelivery(background(t), "dlv")
		if got := failure(t, err); got.ReasonName() != "" {
			t.Error(got)
		}
	}
}

func TestTheKeyAndTheProgramsHeadersAreSent(t *testing.T) {
	server := newFake(t, published("e"))
	headers := func(context.Context) map[string]string { return map[string]string{"traceparent": "00-1-2-01"} }
	client := server.client(t, WithAPIKey("th_x"), WithHeaders(headers))
	if _, err := client.Publish(background(t), Event{Type: "created"}); err != nil {
		t.Fatal(err)
	}
	sent := server.metadata[0]
	if sent.Get("authorization")[0] != "Bearer th_x" || sent.Get("traceparent")[0] != "00-1-2-01" {
		t.Error(sent)
	}
}

func TestTheClientsNamespaceIsUsedWhereNoneIsGiven(t *testing.T) {
	server := newFake(t, published("e"), published("e"), &v1.BatchPublishEventsResponse{}, &v1.ListWebhooksResponse{})
	client, ctx := server.client(t, WithNamespace("mine")), background(t)
	for _, event := range []Event{{Type: "created"}, {Type: "created", Namespace: "other"}} {
		if _, err := client.Publish(ctx, event); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.PublishBatch(ctx, []Event{{Type: "created"}}); err != nil {
		t.Fatal(err)
	}
	for _, err := range client.ListWebhooks(ctx, &v1.ListWebhooksRequest{}) {
		t.Fatal(err)
	}
	seen := server.seen()
	got := []string{
		seen[0].(*v1.PublishEventRequest).GetEvent().GetNamespace(),
		seen[1].(*v1.PublishEventRequest).GetEvent().GetNamespace(),
		seen[2].(*v1.BatchPublishEventsRequest).GetEvents()[0].GetNamespace(),
		seen[3].(*v1.ListWebhooksRequest).GetNamespace(),
	}
	if !slices.Equal(got, []string{"mine", "other", "mine", "mine"}) {
		t.Error(got)
	}
}

func TestRequestsWithoutAnIDGetOneAndTheCallersMessageStays(t *testing.T) {
	server := newFake(t, unavailable, &v1.CreateWebhookResponse{SigningSecret: "whsec_x"},
		&v1.RotateSigningKeyResponse{}, &v1.ReplayEventsResponse{}, &v1.BatchPublishEventsResponse{}, published("e"))
	client, ctx := server.client(t), background(t)
	create, rotate, replay := &v1.CreateWebhookRequest{}, &v1.RotateSigningKeyRequest{}, &v1.ReplayEventsRequest{}
	batch := &v1.BatchPublishEventsRequest{Events: []*v1.Event{{Id: "mine"}, {}}}
	publish := &v1.PublishEventRequest{Event: &v1.Event{}}
	_, _ = client.Webhooks.CreateWebhook(ctx, create)
	_, _ = client.Webhooks.RotateSigningKey(ctx, rotate)
	_, _ = client.Events.ReplayEvents(ctx, replay)
	_, _ = client.Events.BatchPublishEvents(ctx, batch)
	_, _ = client.Events.PublishEvent(ctx, publish)
	seen := server.seen()
	first, second := seen[0].(*v1.CreateWebhookRequest), seen[1].(*v1.CreateWebhookRequest)
	if first.GetRequestId() == "" || first.GetRequestId() != second.GetRequestId() {
		t.Error(first, second)
	}
	if seen[2].(*v1.RotateSigningKeyRequest).GetRequestId() == "" || seen[3].(*v1.ReplayEventsRequest).GetRequestId() == "" {
		t.Error("no request id")
	}
	events := seen[4].(*v1.BatchPublishEventsRequest).GetEvents()
	if events[0].GetId() != "mine" || events[1].GetId() == "" || seen[5].(*v1.PublishEventRequest).GetEvent().GetId() == "" {
		t.Error(events)
	}
	if create.RequestId+rotate.RequestId+replay.RequestId+batch.Events[1].Id+publish.Event.Id != "" {
		t.Error("a message of the caller's was changed")
	}
}

func TestListsTurnThePages(t *testing.T) {
	server := newFake(t,
		&v1.ListWebhooksResponse{Webhooks: []*v1.Webhook{{Id: "a"}, {Id: "b"}}, NextPageToken: "2"},
		&v1.ListWebhooksResponse{Webhooks: []*v1.Webhook{{Id: "c"}}})
	var ids []string
	for webhook, err := range server.client(t).ListWebhooks(background(t), &v1.ListWebhooksRequest{PageSize: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, webhook.GetId())
	}
	second := server.seen()[1].(*v1.ListWebhooksRequest)
	if strings.Join(ids, "") != "abc" || second.GetPageToken() != "2" || second.GetPageSize() != 2 {
		t.Error(ids, second)
	}
}

func TestAListThatFailsYieldsItsError(t *testing.T) {
	server := newFake(t, &v1.ListEventsResponse{Events: []*v1.Event{{}}, NextPageToken: "2"}, status.Error(codes.InvalidArgument, "bad"))
	count := 0
	for _, err := range server.client(t).ListEvents(background(t), &v1.ListEventsRequest{}) {
		if count++; count == 2 && !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	}
	if count != 2 {
		t.Error(count)
	}
}

func TestAListOfDeliveriesTellsWhereToWatch(t *testing.T) {
	server := newFake(t,
		&v1.ListDeliveriesResponse{Deliveries: []*v1.Delivery{{Id: "a"}}, NextPageToken: "2", ResumeToken: "r"},
		&v1.ListDeliveriesResponse{})
	list := server.client(t).ListDeliveries(background(t), &v1.ListDeliveriesRequest{})
	for _, err := range list.All {
		if err != nil {
			t.Fatal(err)
		}
	}
	if list.ResumeToken() != "r" {
		t.Error(list.ResumeToken())
	}
}

func stream(t *testing.T, client *Client, events iter.Seq[Event]) (acks []Ack, last error) {
	t.Helper()
	for ack, err := range client.PublishStream(background(t), events) {
		if err != nil {
			return acks, err
		}
		acks = append(acks, ack)
	}
	return acks, nil
}

func TestAStreamAcknowledgesEachEvent(t *testing.T) {
	bad := &v1.PublishError{Code: 3, Reason: v1.ErrorReason_ERROR_REASON_INVALID_FIELD, Message: "event.type: is required", Field: "event.type"}
	server := newFake(t,
		&v1.StreamPublishEventsResponse{Outcome: &v1.StreamPublishEventsResponse_Result{Result: &v1.PublishResult{EventId: "a"}}},
		&v1.StreamPublishEventsResponse{Outcome: &v1.StreamPublishEventsResponse_Error{Error: bad}})
	acks, err := stream(t, server.client(t), slices.Values([]Event{{Type: "created"}, {}}))
	if err != nil || len(acks) != 2 || acks[0].Result.GetEventId() != "a" || acks[1].Sequence != 1 ||
		!errors.Is(acks[1].Err, ErrInvalid) || acks[1].Err.FieldViolations[0] != (FieldViolation{"event.type", "is required"}) {
		t.Error(acks, err)
	}
}

func TestAStreamThatBreaksYieldsItsError(t *testing.T) {
	server := newFake(t, status.Error(codes.ResourceExhausted, "full"))
	acks, err := stream(t, server.client(t), slices.Values([]Event{{Type: "created"}}))
	if len(acks) != 0 || failure(t, err).Code != codes.ResourceExhausted {
		t.Error(acks, err)
	}
}

func TestAnEventThatIsNoJSONEndsTheStreamWithItsError(t *testing.T) {
	server := newFake(t)
	_, err := stream(t, server.client(t), slices.Values([]Event{{Type: "created", Data: make(chan int)}}))
	if err == nil || !strings.Contains(err.Error(), "data") {
		t.Error(err)
	}
}

func TestAnEventTakesNativeValues(t *testing.T) {
	moment := time.Date(2026, 3, 6, 15, 11, 23, 0, time.FixedZone("CET", 3600))
	message, err := Event{
		Type: "updated", Data: map[string]any{"id": 7}, Prechange: json.RawMessage(`{"b":1,"a":2}`),
		OccurTime: moment, Attributes: map[string]string{"site": "ams"},
	}.message("ns")
	if err != nil {
		t.Fatal(err)
	}
	var data map[string]int
	if err := Decode(message.GetData(), &data); err != nil || data["id"] != 7 {
		t.Error(data, err)
	}
	if message.GetSnapshots().GetPrechange().GetJson() != `{"b":1,"a":2}` || message.GetSnapshots().GetPostchange() != nil {
		t.Error(message.GetSnapshots())
	}
	if !message.GetOccurTime().AsTime().Equal(moment) || message.GetDeliverAfter() != nil || message.GetNamespace() != "ns" {
		t.Error(message)
	}
}

func TestAnEventWithoutSnapshotsHasNone(t *testing.T) {
	message, err := Event{Type: "created"}.message("")
	if err != nil || message.GetSnapshots() != nil || message.GetData() != nil {
		t.Error(message, err)
	}
}

func TestIDsAreUUIDs(t *testing.T) {
	one, two := newID(), newID()
	if len(one) != 36 || one == two || one[14] != '4' || !strings.ContainsRune("89ab", rune(one[19])) {
		t.Error(one, two)
	}
}

func TestAServerThatComesLateIsReached(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	client := (&fake{target: address}).client(t)
	started := make(chan struct{})
	time.AfterFunc(300*time.Millisecond, func() { listen(t, address, published("e")); close(started) })
	if _, err := client.Publish(background(t), Event{Type: "created"}); err != nil {
		t.Error(err)
	}
	<-started
}

func TestBadTargetsAreRefused(t *testing.T) {
	for _, target := range []string{"localhost", "ftp://a:1", "host:port", "", ":1"} {
		if client, err := New(target); err == nil {
			t.Error(target, client)
		}
	}
}

func TestAKeyIsNotSentInTheClear(t *testing.T) {
	if _, err := New("http://example.com:80", WithAPIKey("th_x")); err == nil {
		t.Error("accepted")
	}
	if _, err := New("http://127.0.0.1:80", WithAPIKey("th_x")); err != nil {
		t.Error(err)
	}
}

func TestTheTableOfIdempotentMethodsComesFromTheProto(t *testing.T) {
	if !idempotent["/tenterhook.v1.EventService/PublishEvent"] || idempotent["/tenterhook.v1.WebhookService/UpdateWebhook"] {
		t.Error(idempotent)
	}
}

func TestWaitsDoubleUpToTheLongest(t *testing.T) {
	still := RetryPolicy{Initial: time.Second, Multiplier: 2, Max: 5 * time.Second, Jitter: -1}
	for failures, want := range []time.Duration{1, 2, 4, 5, 5} {
		if got := still.wait(failures); got != want*time.Second {
			t.Error(failures, got)
		}
	}
	if got := DefaultRetry.wait(2000); got < 4*time.Second || got > 6*time.Second {
		t.Error(got)
	}
}
