package tenterhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

func stored(request proto.Message) proto.Message {
	response := &v1.BatchPublishEventsResponse{}
	for _, event := range request.(*v1.BatchPublishEventsRequest).GetEvents() {
		response.Results = append(response.Results, &v1.PublishResult{EventId: event.GetId()})
	}
	return response
}

func batches(server *fake) (sizes []int) {
	for _, request := range server.seen() {
		sizes = append(sizes, len(request.(*v1.BatchPublishEventsRequest).GetEvents()))
	}
	return sizes
}

// publishAll publishes so many events and gives what became of each: its id or its error.
func publishAllBy(t *testing.T, server *fake, count int, options PublisherOptions) (outcomes []string) {
	t.Helper()
	publisher := server.client(t).Publisher(options)
	var publications []*Publication
	for n := range count {
		publication, err := publisher.Publish(background(t), Event{ID: fmt.Sprint("e", n), Type: "t", Data: strings.Repeat("x", 400)})
		if err != nil {
			t.Fatal(err)
		}
		publications = append(publications, publication)
	}
	publisher.Close()
	for _, publication := range publications {
		result, err := publication.Wait(background(t))
		if err != nil {
			outcomes = append(outcomes, failure(t, err).Code.String())
		} else {
			outcomes = append(outcomes, result.GetEventId())
		}
	}
	return outcomes
}

func TestAPublisherGathersByCountAndBytes(t *testing.T) {
	server := newFake(t, stored, stored, stored)
	publishAllBy(t, server, 25, PublisherOptions{MaxEvents: 10, Linger: time.Minute, InFlight: 1})
	if got := fmt.Sprint(batches(server)); got != "[10 10 5]" {
		t.Error(got)
	}
	server = newFake(t, stored, stored)
	publishAllBy(t, server, 4, PublisherOptions{MaxBytes: 1000, Linger: time.Minute, InFlight: 1})
	if got := fmt.Sprint(batches(server)); got != "[2 2]" {
		t.Error(got)
	}
}

func TestAPublisherFailsBadEventsAlone(t *testing.T) {
	fields := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "events[1].type", Description: "is required"}}}
	server := newFake(t, refused(codes.InvalidArgument, "bad", info("INVALID_FIELD"), fields), refused(codes.AlreadyExists, "taken", info("EVENT_ID_CONFLICT", "event_id", "e0")), stored)
	if got := fmt.Sprint(publishAllBy(t, server, 3, PublisherOptions{Linger: time.Minute})); got != "[AlreadyExists InvalidArgument e2]" {
		t.Error(got)
	}
}

func TestAPublisherTriesAgainWhatMayBeMended(t *testing.T) {
	server := newFake(t, refused(codes.Internal, "crash"), unavailable, stored)
	if got := fmt.Sprint(publishAllBy(t, server, 2, PublisherOptions{Linger: time.Minute})); got != "[e0 e1]" {
		t.Error(got)
	}
	server = newFake(t, refused(codes.PermissionDenied, "no"))
	if got := fmt.Sprint(publishAllBy(t, server, 2, PublisherOptions{Linger: time.Minute})); got != "[PermissionDenied PermissionDenied]" {
		t.Error(got)
	}
}

func TestAPublisherBoundsWhatIsOutstanding(t *testing.T) {
	held := make(chan struct{})
	server := newFake(t, func(request proto.Message) proto.Message {
		<-held
		return stored(request)
	}, stored, stored)
	publisher := server.client(t).Publisher(PublisherOptions{Outstanding: 1, FailWhenFull: true})
	first, err := publisher.Publish(background(t), Event{Type: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publisher.Publish(background(t), Event{Type: "t"}); !errors.Is(err, ErrPublisherFull) {
		t.Error(err)
	}
	close(held)
	if err := publisher.Flush(background(t)); err != nil {
		t.Error(err)
	}
	if result, err := first.Wait(background(t)); err != nil || result.GetEventId() != first.ID {
		t.Error(result, err)
	}
	publisher.Close()
	if _, err := publisher.Publish(background(t), Event{Type: "t"}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestAFullPublisherWaitsForRoomOrForItsContext(t *testing.T) {
	client, err := New("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	publisher := client.Publisher(PublisherOptions{Outstanding: 1})
	first, err := publisher.Publish(background(t), Event{Type: "t"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(background(t), 20*time.Millisecond)
	defer cancel()
	if _, err := publisher.Publish(ctx, Event{Type: "t"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	client.Close()
	if _, err := first.Wait(background(t)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	publisher.Close()
}
