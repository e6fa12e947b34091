package tenterhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// PublisherOptions says how a [Publisher] gathers events. A zero field takes its default.
type PublisherOptions struct {
	// Linger is how long the first event of a batch waits for others; 5 ms. Negative is not at all.
	Linger time.Duration
	// MaxEvents of a batch; 500.
	MaxEvents int
	// MaxBytes of a batch; 1 MiB.
	MaxBytes int
	// InFlight is how many batches are sent at once; 4.
	InFlight int
	// Outstanding is how many events may wait for their results; 10,000.
	Outstanding int
	// FailWhenFull makes Publish fail with [ErrPublisherFull] where it would wait for room.
	FailWhenFull bool
	// Timeout is how long a batch is tried again; 60 s.
	Timeout time.Duration
}

func (o PublisherOptions) orDefaults() PublisherOptions {
	o.Linger = cmp.Or(o.Linger, 5*time.Millisecond)
	o.MaxEvents = positive(o.MaxEvents, 500)
	o.MaxBytes = positive(o.MaxBytes, 1<<20)
	o.InFlight = positive(o.InFlight, 4)
	o.Outstanding = positive(o.Outstanding, 10_000)
	o.Timeout = positive(o.Timeout, time.Minute)
	return o
}

// ErrPublisherFull: there are as many events outstanding as the publisher allows.
var ErrPublisherFull = errors.New("tenterhook: the publisher is full")

// Publication is the result to come of one event.
type Publication struct {
	// ID is the event's, known at once: under it the event can be published again.
	ID string

	event  *v1.Event
	size   int
	since  time.Time
	done   chan struct{}
	result *v1.PublishResult
	err    error
}

// Done is closed when there is a result.
func (p *Publication) Done() <-chan struct{} { return p.done }

// Wait returns the result, or why there is none. When ctx ends the wait, the event is published all the same.
func (p *Publication) Wait(ctx context.Context) (*v1.PublishResult, error) {
	select {
	case <-p.done:
		return p.result, p.err
	case <-ctx.Done():
		return nil, readError(status.FromContextError(ctx.Err()).Err())
	}
}

func (p *Publication) settle(result *v1.PublishResult, err error) {
	p.result, p.err = result, err
	close(p.done)
}

// Publisher gathers events into batches by itself. It is safe for concurrent use.
type Publisher struct {
	client  *Client
	options PublisherOptions
	workers sync.WaitGroup

	mutex sync.Mutex
	// changed is closed, and another made, when a worker or somebody who waits may go on.
	changed     chan struct{}
	waiting     []*Publication
	bytes       int
	busy        map[string]bool
	outstanding int
	flushing    int
	closed      bool
}

// Publisher makes a publisher, which is many times faster than one call an event. Close it.
func (c *Client) Publisher(options PublisherOptions) *Publisher {
	made := &Publisher{client: c, options: options.orDefaults(), changed: make(chan struct{}), busy: map[string]bool{}}
	for range made.options.InFlight {
		made.workers.Go(made.run)
	}
	return made
}

// Publish takes an event and returns its result to come, at once. When there is no room it waits until ctx ends.
func (p *Publisher) Publish(ctx context.Context, event Event) (*Publication, error) {
	message, err := event.message(p.client.options.namespace)
	if err != nil {
		return nil, err
	}
	made := &Publication{ID: message.GetId(), event: message, size: proto.Size(message), done: make(chan struct{})}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for p.outstanding >= p.options.Outstanding && !p.closed {
		if p.options.FailWhenFull {
			return nil, fmt.Errorf("%w: %d events are outstanding", ErrPublisherFull, p.outstanding)
		}
		if err := p.wait(ctx); err != nil {
			return nil, err
		}
	}
	if p.closed || p.client.life.Err() != nil {
		return nil, newClosed()
	}
	made.since = time.Now()
	p.waiting = append(p.waiting, made)
	p.bytes += made.size
	p.outstanding++
	if len(p.waiting) == 1 || len(p.waiting) >= p.options.MaxEvents || p.bytes >= p.options.MaxBytes {
		p.wake()
	}
	return made, nil
}

// Flush returns when every event that was taken before has its result, or ctx ends.
func (p *Publisher) Flush(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.flushing++
	defer func() { p.flushing-- }()
	p.wake()
	for p.outstanding > 0 {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close takes no more events, and returns when all have their results.
func (p *Publisher) Close() {
	p.mutex.Lock()
	p.closed = true
	p.wake()
	p.mutex.Unlock()
	p.workers.Wait()
}

// wake lets all who wait look again; the mutex is held.
func (p *Publisher) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait releases the mutex until something has changed.
func (p *Publisher) wait(ctx context.Context) error {
	changed := p.changed
	p.mutex.Unlock()
	defer p.mutex.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return readError(status.FromContextError(ctx.Err()).Err())
	}
}

func (p *Publisher) run() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for {
		batch, after := p.take()
		switch {
		case batch != nil:
			p.mutex.Unlock()
			p.send(batch)
			p.mutex.Lock()
			for _, one := range batch {
				delete(p.busy, one.event.GetOrderingKey())
			}
			p.outstanding -= len(batch)
			p.wake()
		case p.closed && len(p.waiting) == 0:
			return
		default:
			// A context's end is no error here: the batch is due.
			ctx, cancel := context.Background(), context.CancelFunc(func() {})
			if after > 0 {
				ctx, cancel = context.WithTimeout(ctx, after)
			}
			_ = p.wait(ctx)
			cancel()
		}
	}
}

// take gives a batch, or after how long there is one; neither when nothing can be sent. Events of one ordering key are
// never in two batches at once.
func (p *Publisher) take() (batch []*Publication, after time.Duration) {
	var skipped []*Publication
	size, next := 0, 0
	for ; next < len(p.waiting) && len(batch) < p.options.MaxEvents; next++ {
		one := p.waiting[next]
		if p.busy[one.event.GetOrderingKey()] {
			skipped = append(skipped, one)
			continue
		}
		if len(batch) > 0 && size+one.size > p.options.MaxBytes {
			break
		}
		batch, size = append(batch, one), size+one.size
	}
	if len(batch) == 0 {
		return nil, 0
	}
	full := next < len(p.waiting) || len(batch) >= p.options.MaxEvents || size >= p.options.MaxBytes
	if left := time.Until(batch[0].since.Add(p.options.Linger)); left > 0 && !full && p.flushing == 0 && !p.closed {
		return nil, left
	}
	p.waiting = append(skipped, p.waiting[next:]...)
	p.bytes -= size
	for _, one := range batch {
		if key := one.event.GetOrderingKey(); key != "" {
			p.busy[key] = true
		}
	}
	return batch, 0
}

// transient has what a later try may mend: the server is away or overloaded, or its answer was lost.
var transient = map[codes.Code]bool{
	codes.Unavailable: true, codes.DeadlineExceeded: true, codes.ResourceExhausted: true, codes.Unknown: true, codes.Internal: true,
}

func (p *Publisher) send(batch []*Publication) {
	ctx, cancel := context.WithTimeout(context.Background(), p.options.Timeout)
	defer cancel()
	for failures := 0; len(batch) > 0; {
		request := &v1.BatchPublishEventsRequest{}
		for _, one := range batch {
			request.Events = append(request.Events, one.event)
		}
		try, end := context.WithTimeout(ctx, p.client.options.timeoutOf(v1.EventService_BatchPublishEvents_FullMethodName))
		response, err := p.client.Events.BatchPublishEvents(try, request)
		end()
		if err == nil {
			for i, one := range batch {
				one.settle(response.GetResults()[i], nil)
			}
			return
		}
		failure := p.client.failure(err)
		if transient[failure.Code] && !failure.closed {
			wait := max(p.client.options.retry.wait(failures), failure.RetryAfter)
			if p.client.sleep(ctx, wait) == nil {
				failures++
				continue
			}
			failure = p.client.failure(failure)
		}
		batch = fail(batch, failure)
	}
}

var eventIndex = regexp.MustCompile(`^events\[(\d+)]`)

// fail fails the events that the error names, and returns those that may be sent again: batches are all or none. It
// fails all when the error names none.
func fail(batch []*Publication, failure *Error) (rest []*Publication) {
	wrong := map[int]bool{}
	for _, violation := range failure.FieldViolations {
		if found := eventIndex.FindStringSubmatch(violation.Field); found != nil {
			index, _ := strconv.Atoi(found[1]) // digits, and more than fit name no event
			wrong[index] = index < len(batch)
		}
	}
	for i, one := range batch {
		if id := failure.Metadata["event_id"]; id != "" && id == one.ID {
			wrong[i] = true
		}
	}
	for i, one := range batch {
		if len(wrong) == 0 || wrong[i] {
			one.settle(nil, failure)
		} else {
			rest = append(rest, one)
		}
	}
	return rest
}
