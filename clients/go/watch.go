package tenterhook

import (
	"context"
	"errors"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

const (
	// defaultBookmarkInterval is the server's, where a watch asks for none.
	defaultBookmarkInterval = 30 * time.Second
	// silentIntervals of silence mean that the connection is dead.
	silentIntervals = 3
)

// endsWatch has the codes of a watch that would fail again.
var endsWatch = map[codes.Code]bool{
	codes.AlreadyExists: true, codes.DataLoss: true, codes.FailedPrecondition: true,
	codes.InvalidArgument: true, codes.NotFound: true, codes.OutOfRange: true,
	codes.PermissionDenied: true, codes.Unauthenticated: true, codes.Unimplemented: true,
}

// Change is one change of a delivery.
type Change struct {
	*v1.DeliveryChange
	// Token resumes right after this change.
	Token string
}

// Watch is an endless sequence of changes. It is for one goroutine.
type Watch struct {
	client   *Client
	ctx      context.Context
	request  *v1.WatchDeliveriesRequest
	silence  time.Duration
	failures int
	stream   grpc.ServerStreamingClient[v1.WatchDeliveriesResponse]
	cancel   context.CancelFunc
	// own is a client with a connection of its own, once the shared one was silent.
	own *Client
}

// Watch yields every change of every delivery that matches, in order, without a gap and without
// an end: broken and silent connections are made again, and the watch resumes after the last
// change that the program was handed. It ends with ctx, or with an error that would come again,
// such as a token that is no longer kept.
func (c *Client) Watch(ctx context.Context, request *v1.WatchDeliveriesRequest) *Watch {
	interval := defaultBookmarkInterval
	if asked := request.GetBookmarkInterval(); asked != nil {
		interval = asked.AsDuration()
	}
	return &Watch{client: c, ctx: ctx, request: proto.CloneOf(scoped(c, request)), silence: silentIntervals * interval}
}

// ResumeToken resumes after the last change that Next returned, or after a later bookmark.
func (w *Watch) ResumeToken() string { return w.request.GetResumeToken() }

// Close ends the stream; a later Next opens it again.
func (w *Watch) Close() {
	w.end()
	if w.own != nil {
		_ = w.own.Close()
		w.own = nil
	}
}

func (w *Watch) end() {
	if w.cancel != nil {
		w.cancel()
		w.cancel, w.stream = nil, nil
	}
}

// All yields changes until it yields an error; it closes the watch when the program stops.
func (w *Watch) All() iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		defer w.Close()
		for {
			change, err := w.Next()
			if !yield(change, err) || err != nil {
				return
			}
		}
	}
}

// Next waits for the next change.
func (w *Watch) Next() (Change, error) {
	for {
		message, err := w.receive()
		if err == nil {
			w.failures = 0
			w.request.Start = &v1.WatchDeliveriesRequest_ResumeToken{ResumeToken: message.GetResumeToken()}
			if change := message.GetChange(); change != nil {
				return Change{change, message.GetResumeToken()}, nil
			}
			continue
		}
		w.end()
		failure := readError(err)
		if w.ctx.Err() != nil || endsWatch[failure.Code] {
			return Change{}, failure
		}
		if sleep(w.ctx, w.client.options.retry.wait(w.failures)) != nil {
			return Change{}, failure
		}
		w.failures++
	}
}

// receive takes the next message off the stream, which it opens if need be. When the server is
// silent for too long it fails, and the next one goes over another connection: this one may be
// dead and not know it.
func (w *Watch) receive() (*v1.WatchDeliveriesResponse, error) {
	if w.stream == nil {
		if err := w.open(); err != nil {
			return nil, err
		}
	}
	silent := time.AfterFunc(w.silence, w.cancel)
	message, err := w.stream.Recv()
	if !silent.Stop() && err != nil && w.ctx.Err() == nil {
		return nil, errors.Join(err, w.reconnect())
	}
	return message, err
}

func (w *Watch) open() error {
	ctx, cancel := context.WithCancel(w.ctx)
	w.cancel = cancel
	client := w.client
	if w.own != nil {
		client = w.own
	}
	stream, err := client.Deliveries.WatchDeliveries(ctx, w.request)
	w.stream = stream
	return err
}

func (w *Watch) reconnect() error {
	w.Close()
	own, err := open(w.client.target, w.client.options)
	w.own = own
	return err
}
