package tenterhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

func change(number int) *v1.WatchDeliveriesResponse {
	delivery := &v1.Delivery{Id: fmt.Sprintf("d%d", number)}
	return &v1.WatchDeliveriesResponse{
		ResumeToken: fmt.Sprintf("t%d", number),
		Payload:     &v1.WatchDeliveriesResponse_Change{Change: &v1.DeliveryChange{Delivery: delivery}},
	}
}

func bookmark(token string) *v1.WatchDeliveriesResponse {
	return &v1.WatchDeliveriesResponse{ResumeToken: token, Payload: &v1.WatchDeliveriesResponse_Bookmark{}}
}

// take expects the next changes to be those of the deliveries.
func take(t *testing.T, watch *Watch, want ...string) {
	t.Helper()
	for _, id := range want {
		change, err := watch.Next()
		if err != nil {
			t.Fatalf("waiting for %s: %v", id, err)
		}
		if got := change.GetDelivery().GetId(); got != id {
			t.Fatalf("%s, not %s", got, id)
		}
	}
}

func tokens(server *fake) (found []string) {
	for _, request := range server.seen() {
		found = append(found, request.(*v1.WatchDeliveriesRequest).GetResumeToken())
	}
	return found
}

func within(interval time.Duration) *v1.WatchDeliveriesRequest {
	return &v1.WatchDeliveriesRequest{BookmarkInterval: durationpb.New(interval)}
}

func TestChangesComeWithTheirTokensAndBookmarksDoNotCome(t *testing.T) {
	server := newFake(t, []any{bookmark("b"), change(1), bookmark("b2"), change(2), 5 * time.Second})
	watch := server.client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
	defer watch.Close()
	first, err := watch.Next()
	if err != nil || first.Token != "t1" || watch.ResumeToken() != "t1" {
		t.Error(first, err)
	}
	take(t, watch, "d2")
}

func TestACutStreamResumesAfterWhatWasHandedOut(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.Internal, codes.Unknown, codes.Canceled} {
		server := newFake(t, []any{bookmark("b"), change(1), status.Error(code, "cut")}, []any{change(2), 5 * time.Second})
		watch := server.client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
		take(t, watch, "d1", "d2")
		if got := tokens(server); !slices.Equal(got, []string{"", "t1"}) {
			t.Error(code, got)
		}
		watch.Close()
	}
}

func TestWhatArrivedButWasNotHandedOutIsAskedForAgain(t *testing.T) {
	server := newFake(t, []any{change(1), change(2), change(3), 5 * time.Second}, []any{change(2), 5 * time.Second})
	watch := server.client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
	take(t, watch, "d1")
	watch.Close()
	take(t, watch, "d2")
	if got := tokens(server); !slices.Equal(got, []string{"", "t1"}) {
		t.Error(got)
	}
}

func TestAStreamThatEndsWellIsResumedToo(t *testing.T) {
	server := newFake(t, []any{change(1)}, []any{}, []any{change(2), 5 * time.Second})
	watch := server.client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
	defer watch.Close()
	take(t, watch, "d1", "d2")
	if got := tokens(server); !slices.Equal(got, []string{"", "t1", "t1"}) {
		t.Error(got)
	}
}

func TestABookmarkMovesThePlaceToResume(t *testing.T) {
	server := newFake(t, []any{bookmark("quiet"), unavailable}, []any{change(1), 5 * time.Second})
	earliest := &v1.WatchDeliveriesRequest{Start: &v1.WatchDeliveriesRequest_Position{Position: v1.WatchPosition_WATCH_POSITION_EARLIEST}}
	watch := server.client(t).Watch(background(t), earliest)
	defer watch.Close()
	take(t, watch, "d1")
	if got := tokens(server); !slices.Equal(got, []string{"", "quiet"}) {
		t.Error(got)
	}
	if earliest.GetPosition() != v1.WatchPosition_WATCH_POSITION_EARLIEST {
		t.Error("the caller's request was changed")
	}
}

func TestSilenceOfThreeBookmarkIntervalsMakesANewConnection(t *testing.T) {
	server := newFake(t, []any{change(1), 20 * time.Second}, []any{change(2), 5 * time.Second})
	watch := server.client(t).Watch(background(t), within(100*time.Millisecond))
	defer watch.Close()
	start := time.Now()
	take(t, watch, "d1", "d2")
	if took := time.Since(start); took < 300*time.Millisecond || took > 3*time.Second {
		t.Error(took)
	}
}

func TestASlowProgramIsNoSilence(t *testing.T) {
	server := newFake(t, []any{change(1), change(2), 5 * time.Second})
	watch := server.client(t).Watch(background(t), within(50*time.Millisecond))
	defer watch.Close()
	take(t, watch, "d1")
	time.Sleep(400 * time.Millisecond)
	take(t, watch, "d2")
	if len(server.seen()) != 1 {
		t.Error(tokens(server))
	}
}

func TestAnExpiredTokenEndsTheWatch(t *testing.T) {
	server := newFake(t, []any{refused(codes.OutOfRange, "gone", info("RESUME_TOKEN_EXPIRED", "oldest_time", "t"))})
	start := &v1.WatchDeliveriesRequest{Start: &v1.WatchDeliveriesRequest_ResumeToken{ResumeToken: "old"}}
	_, err := server.client(t).Watch(background(t), start).Next()
	if got := failure(t, err); got.Reason != v1.ErrorReason_ERROR_REASON_RESUME_TOKEN_EXPIRED || len(server.seen()) != 1 {
		t.Error(got)
	}
}

func TestWhatCannotGetBetterEndsTheWatch(t *testing.T) {
	for code := range endsWatch {
		_, err := newFake(t, []any{status.Error(code, "no")}).client(t).Watch(background(t), nil).Next()
		if failure(t, err).Code != code {
			t.Error(err)
		}
	}
}

func TestManyCutsLoseAndRepeatNothing(t *testing.T) {
	var scripts []any
	var want []string
	for n := range 20 {
		scripts = append(scripts, []any{bookmark("b"), change(n), unavailable})
		want = append(want, fmt.Sprintf("d%d", n))
	}
	watch := newFake(t, scripts...).client(t).Watch(background(t), &v1.WatchDeliveriesRequest{})
	defer watch.Close()
	take(t, watch, want...)
}

func TestTheContextEndsTheWatch(t *testing.T) {
	server := newFake(t, []any{change(1), 20 * time.Second})
	ctx, cancel := context.WithCancel(background(t))
	defer cancel()
	count := 0
	for _, err := range server.client(t).Watch(ctx, &v1.WatchDeliveriesRequest{}).All() {
		if count++; count == 1 {
			time.AfterFunc(50*time.Millisecond, cancel)
			continue
		}
		if failure(t, err).Code != codes.Canceled {
			t.Error(err)
		}
	}
	if count != 2 || !errors.Is(ctx.Err(), context.Canceled) {
		t.Error(count)
	}
}

func TestFiltersAndNamespaceAreKeptOverAReconnect(t *testing.T) {
	server := newFake(t, []any{unavailable}, []any{change(1), 5 * time.Second})
	client := server.client(t, WithNamespace("mine"))
	watch := client.Watch(background(t), &v1.WatchDeliveriesRequest{Filter: &v1.DeliveryFilter{WebhookIds: []string{"wh"}}})
	defer watch.Close()
	take(t, watch, "d1")
	for _, request := range server.seen() {
		asked := request.(*v1.WatchDeliveriesRequest)
		if asked.GetNamespace() != "mine" || asked.GetFilter().GetWebhookIds()[0] != "wh" {
			t.Error(asked)
		}
	}
}
