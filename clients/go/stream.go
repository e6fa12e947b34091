package tenterhook

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

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
// events is drawn from by another goroutine, which stops at the first event after the end.
func (c *Client) PublishStream(ctx context.Context, events iter.Seq[Event]) iter.Seq2[Ack, error] {
	return func(yield func(Ack, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := c.Events.StreamPublishEvents(ctx)
		if err != nil {
			yield(Ack{}, readError(err))
			return
		}
		unsendable := make(chan error, 1)
		go func() {
			if err := c.send(stream, events); err != nil {
				unsendable <- err
			}
			_ = stream.CloseSend()
		}()
		for {
			response, err := stream.Recv()
			switch {
			case err == nil:
				if !yield(readAck(response), nil) {
					return
				}
				continue
			case !errors.Is(err, io.EOF):
				yield(Ack{}, readError(err))
			case len(unsendable) > 0:
				yield(Ack{}, <-unsendable)
			}
			return
		}
	}
}

type publishStream = grpc.BidiStreamingClient[v1.StreamPublishEventsRequest, v1.StreamPublishEventsResponse]

// send sends the events; it returns an error only for an event that cannot be sent.
func (c *Client) send(stream publishStream, events iter.Seq[Event]) error {
	sequence := uint64(0)
	for event := range events {
		message, err := event.message(c.options.namespace)
		if err != nil {
			return err
		}
		// A stream that is broken tells why at Recv.
		if stream.Send(&v1.StreamPublishEventsRequest{Sequence: sequence, Event: message}) != nil {
			return nil
		}
		sequence++
	}
	return nil
}

func readAck(response *v1.StreamPublishEventsResponse) Ack {
	if refused := response.GetError(); refused != nil {
		return Ack{Sequence: response.GetSequence(), Err: readPublishError(refused)}
	}
	return Ack{Sequence: response.GetSequence(), Result: response.GetResult()}
}
