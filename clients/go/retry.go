package tenterhook

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// RetryPolicy says how long to wait before a failed call is tried again: Initial, then Multiplier
// times the wait before, up to Max, each changed at random by the share Jitter. A field that is
// zero takes its value from [DefaultRetry]; a negative Jitter is none.
type RetryPolicy struct {
	Initial    time.Duration
	Multiplier float64
	Max        time.Duration
	Jitter     float64
	// Disabled never tries a call again. A watch reconnects all the same.
	Disabled bool
}

// DefaultRetry waits 0.1 s, doubling up to 5 s.
var DefaultRetry = RetryPolicy{Initial: 100 * time.Millisecond, Multiplier: 2, Max: 5 * time.Second, Jitter: 0.2}

// wait is the wait after so many failures in a row, from 0.
func (p RetryPolicy) wait(failures int) time.Duration {
	initial := positive(p.Initial, DefaultRetry.Initial)
	most := positive(p.Max, DefaultRetry.Max)
	multiplier := positive(p.Multiplier, DefaultRetry.Multiplier)
	jitter := min(max(cmp.Or(p.Jitter, DefaultRetry.Jitter), 0), 1)
	wait := min(float64(initial)*math.Pow(multiplier, float64(failures)), float64(most))
	return time.Duration(wait * (1 + jitter*(2*rand.Float64()-1)))
}

func positive[N cmp.Ordered](given, fallback N) N {
	var zero N
	if given > zero {
		return given
	}
	return fallback
}

// again tells whether to try again, and after which wait. UNAVAILABLE is unless it is
// permanent; another error that carries RetryInfo where the method is marked idempotent in the proto. RetryInfo is the
// least wait.
func (p RetryPolicy) again(failure *Error, method string, failures int) (time.Duration, bool) {
	if p.Disabled || failure.Permanent || failure.Code != codes.Unavailable && !(failure.hasRetryAfter && idempotent[method]) {
		return 0, false
	}
	return max(p.wait(failures), failure.RetryAfter), true
}

// idempotent holds the full names of the methods that the proto marks so.
var idempotent = readIdempotent(
	v1.File_tenterhook_v1_access_service_proto,
	v1.File_tenterhook_v1_delivery_service_proto,
	v1.File_tenterhook_v1_event_service_proto,
	v1.File_tenterhook_v1_server_service_proto,
	v1.File_tenterhook_v1_store_service_proto,
	v1.File_tenterhook_v1_webhook_service_proto,
)

func readIdempotent(files ...protoreflect.FileDescriptor) map[string]bool {
	found := map[string]bool{}
	for _, file := range files {
		for s := range file.Services().Len() {
			service := file.Services().Get(s)
			for m := range service.Methods().Len() {
				method := service.Methods().Get(m)
				options, _ := method.Options().(*descriptorpb.MethodOptions)
				level := options.GetIdempotencyLevel()
				name := "/" + string(service.FullName()) + "/" + string(method.Name())
				found[name] = level != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
			}
		}
	}
	return found
}

// unary gives each call its headers, its deadline, its retries and its kind of error.
func (c *Client) unary(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if !strings.HasPrefix(method, "/tenterhook.v1.") {
		return invoke(ctx, method, request, reply, cc, opts...)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.options.timeoutOf(method))
		defer cancel()
	}
	deadline, _ := ctx.Deadline()
	request = identify(request)
	for failures := 0; ; failures++ {
		if c.life.Err() != nil {
			return newClosed()
		}
		err := invoke(c.outgoing(ctx), method, request, reply, cc, opts...)
		if err == nil {
			return nil
		}
		failure := c.failure(err)
		wait, again := c.options.retry.again(failure, method, failures)
		if !again || ctx.Value(noRetry{}) != nil || wait >= time.Until(deadline) {
			return failure
		}
		c.options.logger.Debug("tenterhook: a call is tried again", "method", method, "error", failure, "retry_in", wait)
		if err := c.sleep(ctx, wait); err != nil {
			return c.failure(status.FromContextError(err).Err())
		}
	}
}

// timeoutOf is the time for a call whose context has no deadline.
func (o options) timeoutOf(method string) time.Duration {
	if o.timeout == 0 && method == v1.WebhookService_TestWebhook_FullMethodName {
		return testTimeout
	}
	return cmp.Or(o.timeout, DefaultTimeout)
}

// noRetry is the key of a context whose call is tried once.
type noRetry struct{}

func withoutRetry(ctx context.Context) context.Context {
	return context.WithValue(ctx, noRetry{}, true)
}

// sleep waits, unless ctx ends or the client is closed.
func (c *Client) sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.life.Done():
		return c.life.Err()
	case <-timer.C:
		return nil
	}
}

// identify gives events and requests an id of their own if they have none, so that the server
// recognises a repeat. The caller's message stays as it is.
func identify(request any) any {
	switch message := request.(type) {
	case *v1.PublishEventRequest:
		if message.GetEvent().GetId() == "" && message.GetEvent() != nil {
			message = proto.CloneOf(message)
			message.Event.Id = newID()
		}
		return message
	case *v1.BatchPublishEventsRequest:
		lacksID := func(event *v1.Event) bool { return event.GetId() == "" }
		if slices.ContainsFunc(message.GetEvents(), lacksID) {
			message = proto.CloneOf(message)
			for _, event := range message.GetEvents() {
				event.Id = cmp.Or(event.GetId(), newID())
			}
		}
		return message
	case proto.Message:
		field := message.ProtoReflect().Descriptor().Fields().ByName("request_id")
		if field != nil && !message.ProtoReflect().Has(field) {
			message = proto.Clone(message)
			message.ProtoReflect().Set(field, protoreflect.ValueOfString(newID()))
		}
		return message
	}
	return request
}
