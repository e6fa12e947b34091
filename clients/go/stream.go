package tenterhook

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// streamInFlightMax bounds the events of a stream that are sent ahead of their acknowledgements.
// Servers close a connection whose many small frames they cannot keep up with.
const streamInFlightMax = 256

// Ack is what became of one event of a stream.
type Ack struct {
	// Sequence is the event's position in the stream, from 0.
	Sequence uint64
	// Result is set if the event is on the server's disk.
	Result *v1.PublishResult
	// Err is set if the event was refused.
	Err *Error
}

// PublishStream publishes events as they come and yields what became of each, in order; one bad
// event does not end it. It yields an error, last, when the stream itself fails; events without
// an acknowledgement may then be published again under their IDs.
//
// events is drawn from by another goroutine, which stops at the first event after the end. Where it
// panics, or an event cannot be sent, what came before it is acknowledged first.
func (c *Client) PublishStream(ctx context.Context, events iter.Seq[Event]) iter.Seq2[Ack, error] {
	return func(yield func(Ack, error) bool) {
		if c.life.Err() != nil {
			yield(Ack{}, newClosed())
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := c.Events.StreamPublishEvents(ctx)
		if err != nil {
			yield(Ack{}, c.failure(err))
			return
		}
		ended := make(chan sourceEnd, 1)
		inFlight := make(chan struct{}, streamInFlightMax)
		go func() {
			ended <- c.send(stream, events, inFlight)
			_ = stream.CloseSend()
		}()
		for {
			response, err := stream.Recv()
			switch {
			case err == nil:
				<-inFlight
				if !yield(readAck(response), nil) {
					return
				}
				continue
			case !errors.Is(err, io.EOF):
				yield(Ack{}, c.failure(err))
			case len(ended) > 0:
				(<-ended).raise(yield)
			}
			return
		}
	}
}

// sourceEnd is how the events of a stream ended: well, with one that cannot be sent, or by a panic.
type sourceEnd struct {
	err      error
	panicked any
}

func (e sourceEnd) raise(yield func(Ack, error) bool) {
	if e.panicked != nil {
		panic(e.panicked)
	}
	if e.err != nil {
		yield(Ack{}, e.err)
	}
}

type publishStream = grpc.BidiStreamingClient[v1.StreamPublishEventsRequest, v1.StreamPublishEventsResponse]

// send sends the events until they end; each takes a place in flight, which its acknowledgement frees.
func (c *Client) send(stream publishStream, events iter.Seq[Event], inFlight chan<- struct{}) (end sourceEnd) {
	defer func() { end.panicked = recover() }()
	sequence := uint64(0)
	for event := range events {
		message, err := event.message(c.options.namespace)
		if err != nil {
			return sourceEnd{err: err}
		}
		select {
		case inFlight <- struct{}{}:
		case <-stream.Context().Done():
			return sourceEnd{}
		}
		// A stream that is broken says why at Recv.
		if stream.Send(&v1.StreamPublishEventsRequest{Sequence: sequence, Event: message}) != nil {
			return sourceEnd{}
		}
		sequence++
	}
	return sourceEnd{}
}

func readAck(response *v1.StreamPublishEventsResponse) Ack {
	if refused := response.GetError(); refused != nil {
		return Ack{Sequence: response.GetSequence(), Err: readPublishError(refused)}
	}
	return Ack{Sequence: response.GetSequence(), Result: response.GetResult()}
}
