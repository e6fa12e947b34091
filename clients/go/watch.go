package tenterhook

import (
	"context"
	"errors"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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
	// OnConnectivity is called when the watch has connected, and each time that it could not. Set it before
	// the first call of Next.
	OnConnectivity func(Connectivity)
	// Checkpoint keeps how far the program came, for example [FileCheckpoint]; once it has a token the watch begins
	// there, and not where the request says. Set it before the first call of Next.
	Checkpoint Checkpoint

	kept     kept
	client   *Client
	ctx      context.Context
	request  *v1.WatchDeliveriesRequest
	silence  time.Duration
	follower follower
	failures int
	// notBefore is when it may connect again.
	notBefore time.Time
	stream    watchStream
	cancel    context.CancelFunc
	// reading has the next message, or will have it; it outlives a wait that is given up.
	reading      chan received
	readingSince time.Time
	// own is a client with a connection of its own, once the shared one was silent.
	own *Client
}

type watchStream = grpc.ServerStreamingClient[v1.WatchDeliveriesResponse]

type received struct {
	stream  watchStream
	message *v1.WatchDeliveriesResponse
	err     error
}

// Watch yields every change of every delivery that matches, in order, without a gap and without
// an end: broken and silent connections are made again, and the watch resumes after the last
// change that the program was handed. It ends with ctx, or with an error that would come again,
// such as a token that is no longer kept, or a first connection that can never be made ([Error.Permanent]).
func (c *Client) Watch(ctx context.Context, request *v1.WatchDeliveriesRequest) *Watch {
	interval := defaultBookmarkInterval
	if asked := request.GetBookmarkInterval(); asked != nil {
		interval = asked.AsDuration()
	}
	return &Watch{client: c, ctx: ctx, request: proto.CloneOf(scoped(c, request)), silence: silentIntervals * interval}
}

// ResumeToken resumes after the last change that Next returned, or after a later bookmark.
func (w *Watch) ResumeToken() string { return w.request.GetResumeToken() }

func (w *Watch) resumeAfter(token string) {
	w.request.Start = FromToken(token)
}

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
	}
	w.cancel, w.stream, w.reading = nil, nil, nil
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

// Next waits for the next change. When the checkpoint cannot be loaded or saved, it fails with that error, which is
// no [Error], and the next call tries again.
func (w *Watch) Next() (Change, error) { return w.NextContext(w.ctx) }

// NextContext waits for the next change until ctx is done, and then fails with the error of ctx. That
// ends the wait and not the watch: nothing is lost, and a later call goes on where this one stopped.
func (w *Watch) NextContext(ctx context.Context) (Change, error) {
	for {
		if err := w.keep(); err != nil {
			return Change{}, err
		}
		message, err := w.receive(ctx)
		switch {
		case err == nil:
			w.failures = 0
			if w.follower.heard(w.client.options.logger) {
				w.tell(Connectivity{Connected: true})
			}
			w.resumeAfter(message.GetResumeToken())
			if change := message.GetChange(); change != nil {
				return Change{change, message.GetResumeToken()}, nil
			}
			continue
		case w.client.life.Err() != nil || w.ctx.Err() != nil:
			w.end()
			return Change{}, w.client.failure(status.FromContextError(w.ctx.Err()).Err())
		case ctx.Err() != nil:
			return Change{}, readError(status.FromContextError(ctx.Err()).Err())
		}
		w.end()
		failure := readError(err)
		// One that was connected goes on whatever becomes of the server's certificate or name.
		if endsWatch[failure.Code] || failure.Permanent && !w.follower.wasConnected {
			return Change{}, failure
		}
		wait := w.client.options.retry.wait(w.failures)
		w.notBefore = time.Now().Add(wait)
		w.failures++
		w.follower.failed(w.client.options.logger, failure, wait)
		w.tell(Connectivity{Err: failure, RetryIn: wait})
	}
}

func (w *Watch) tell(connectivity Connectivity) {
	if w.OnConnectivity != nil {
		w.OnConnectivity(connectivity)
	}
}

// receive takes the next message off the stream, which it opens if need be. When the server is
// silent for too long it fails, and the next one goes over another connection: this one may be
// dead and not know it.
func (w *Watch) receive(ctx context.Context) (*v1.WatchDeliveriesResponse, error) {
	if w.reading == nil {
		if w.stream == nil {
			if err := w.client.sleep(ctx, time.Until(w.notBefore)); err != nil {
				return nil, err
			}
		}
		w.read()
	}
	silent := time.NewTimer(time.Until(w.readingSince.Add(w.silence)))
	defer silent.Stop()
	select {
	case next := <-w.reading:
		w.reading, w.stream = nil, next.stream
		return next.message, next.err
	case <-silent.C:
		return nil, errors.Join(errSilent, w.reconnect())
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.ctx.Done():
		return nil, w.ctx.Err()
	case <-w.client.life.Done():
		return nil, w.client.life.Err()
	}
}

var errSilent = errors.New("tenterhook: the stream is silent")

// read begins to read a message. It has its own goroutine, for gRPC has no way to give up a read
// and keep the stream; that ends with the stream.
func (w *Watch) read() {
	stream, client := w.stream, w.client
	if w.own != nil {
		client = w.own
	}
	var ctx context.Context
	if stream == nil {
		ctx, w.cancel = context.WithCancel(w.ctx)
	}
	reading := make(chan received, 1)
	w.reading, w.readingSince = reading, time.Now()
	request := w.request
	go func() {
		next := received{stream: stream}
		if next.stream == nil {
			next.stream, next.err = client.Deliveries.WatchDeliveries(ctx, request)
		}
		if next.err == nil {
			next.message, next.err = next.stream.Recv()
		}
		reading <- next
	}()
}

func (w *Watch) reconnect() error {
	w.Close()
	own, err := open(w.client.target, w.client.options)
	if err != nil {
		return err
	}
	w.own = own
	// It ends with the client; once closed, closing it again does nothing.
	context.AfterFunc(w.client.life, func() { _ = own.Close() })
	return nil
}
