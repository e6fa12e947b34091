package tenterhook

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

func TestAnInterceptorOfTheCallersReplacesNone(t *testing.T) {
	server := newFake(t, refused(codes.Unavailable, "once"), &v1.PublishEventResponse{Result: &v1.PublishResult{EventId: "e"}}, refused(codes.NotFound, "no"), refused(codes.NotFound, "no"))
	calls, streams := 0, 0
	unary := func(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		calls++
		return invoke(ctx, method, request, reply, cc, opts...)
	}
	stream := func(ctx context.Context, description *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		streams++
		return streamer(ctx, description, cc, method, opts...)
	}
	client, err := New(server.target, WithAPIKey("th_key"), WithRetry(RetryPolicy{Initial: time.Millisecond}),
		WithDialOptions(grpc.WithUnaryInterceptor(unary), grpc.WithStreamInterceptor(stream)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	result, err := client.Publish(t.Context(), Event{Type: "created"})
	if err != nil || result.GetEventId() != "e" {
		t.Fatalf("not retried: %v, %v", result, err)
	}
	if calls != 1 {
		t.Errorf("the caller's interceptor saw %d calls, not 1", calls)
	}
	if keys := server.metadata[0].Get("authorization"); len(keys) != 1 || keys[0] != "Bearer th_key" {
		t.Errorf("the key was not sent: %v", keys)
	}
	var failure *Error
	if _, err := client.GetDelivery(t.Context(), "none"); !errors.As(err, &failure) || !errors.Is(err, ErrNotFound) {
		t.Errorf("%v is no *Error", err)
	}
	watch := client.Watch(t.Context(), nil)
	defer watch.Close()
	if _, err := watch.Next(); err == nil || streams == 0 {
		t.Errorf("%d streams, %v", streams, err)
	}
}

func TestAnEventThatCannotBeSentIsAnError(t *testing.T) {
	client, err := New("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, event := range []Event{{Data: func() {}}, {Prechange: make(chan int)}} {
		_, err := client.Publish(t.Context(), event)
		var failure *Error
		if !errors.As(err, &failure) || !errors.Is(err, ErrInvalid) || len(failure.FieldViolations) != 1 {
			t.Errorf("%v", err)
		}
	}
}

func TestDataIsNotEscapedForHTML(t *testing.T) {
	message, err := Event{Data: map[string]any{"h": "<b> & </b>"}}.message("")
	if err != nil {
		t.Fatal(err)
	}
	if got := message.GetData().GetJson(); got != `{"h":"<b> & </b>"}` {
		t.Error(got)
	}
}

func TestZeroFieldsOfAPolicyTakeTheirDefaults(t *testing.T) {
	for _, policy := range []RetryPolicy{{}, {Max: 10 * time.Second}, {Disabled: true}} {
		for failures := range 5 {
			want := 100 * time.Millisecond << failures
			if wait := policy.wait(failures); wait < want*79/100 || wait > want*121/100 {
				t.Errorf("%+v waits %v after %d failures", policy, wait, failures)
			}
		}
	}
	if wait := (RetryPolicy{Jitter: -1}).wait(0); wait != 100*time.Millisecond {
		t.Errorf("a negative jitter is none, but it waits %v", wait)
	}
}
