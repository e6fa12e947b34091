// The bench program measures how fast the client publishes, beside the bare generated client: see
// docs/BENCHMARKS.md. `bench TARGET ROUNDS SLICE_MS` prints a line for each slice: way, who, events,
// seconds.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

const inFlight = 64

var (
	numbers  atomic.Int64
	comments = strings.Repeat("x", 1000)
)

func value() map[string]any {
	return map[string]any{"id": numbers.Add(1), "name": "Zürich", "comments": comments}
}

// event is an event as a user of the client makes it.
func event() tenterhook.Event {
	return tenterhook.Event{Type: "updated", ObjectType: "dcim.site", Data: value()}
}

// message is an event as a user of the generated code makes it.
func message() *v1.Event {
	encoded, err := json.Marshal(value())
	check(err)
	return &v1.Event{
		Id: rand.Text(), Type: "updated", ObjectType: "dcim.site",
		Data: &v1.JsonDocument{Value: &v1.JsonDocument_Json{Json: string(encoded)}},
	}
}

// publisher is one of the two that are compared.
type publisher struct {
	name   string
	unary  func() error
	batch  func() error
	stream func(tokens iter.Seq[struct{}], acknowledged func())
}

func ofClient(ctx context.Context, client *tenterhook.Client) publisher {
	return publisher{
		name: "client",
		unary: func() error {
			_, err := client.Publish(ctx, event())
			return err
		},
		batch: func() error {
			events := make([]tenterhook.Event, inFlight)
			for i := range events {
				events[i] = event()
			}
			_, err := client.PublishBatch(ctx, events)
			return err
		},
		stream: func(tokens iter.Seq[struct{}], acknowledged func()) {
			events := func(yield func(tenterhook.Event) bool) {
				for range tokens {
					if !yield(event()) {
						return
					}
				}
			}
			for _, err := range client.PublishStream(ctx, events) {
				check(err)
				acknowledged()
			}
		},
	}
}

func ofStub(ctx context.Context, stub v1.EventServiceClient) publisher {
	return publisher{
		name: "stub",
		unary: func() error {
			_, err := stub.PublishEvent(ctx, &v1.PublishEventRequest{Event: message()})
			return err
		},
		batch: func() error {
			request := &v1.BatchPublishEventsRequest{Events: make([]*v1.Event, inFlight)}
			for i := range request.Events {
				request.Events[i] = message()
			}
			_, err := stub.BatchPublishEvents(ctx, request)
			return err
		},
		stream: func(tokens iter.Seq[struct{}], acknowledged func()) {
			stream, err := stub.StreamPublishEvents(ctx)
			check(err)
			go func() {
				sequence := uint64(0)
				for range tokens {
					check(stream.Send(&v1.StreamPublishEventsRequest{Sequence: sequence, Event: message()}))
					sequence++
				}
				check(stream.CloseSend())
			}()
			for _, err := stream.Recv(); err == nil; _, err = stream.Recv() {
				acknowledged()
			}
		},
	}
}

// slice publishes until end and tells how many events.
func (p publisher) slice(way string, end time.Time) (count int64) {
	switch way {
	case "unary":
		var workers sync.WaitGroup
		var published atomic.Int64
		for range inFlight {
			workers.Go(func() {
				for time.Now().Before(end) {
					check(p.unary())
					published.Add(1)
				}
			})
		}
		workers.Wait()
		return published.Load()
	case "batch":
		for time.Now().Before(end) {
			check(p.batch())
			count += inFlight
		}
		return count
	}
	room := make(chan struct{}, inFlight)
	tokens := func(yield func(struct{}) bool) {
		for time.Now().Before(end) {
			room <- struct{}{}
			if !yield(struct{}{}) {
				return
			}
		}
	}
	p.stream(tokens, func() {
		<-room
		count++
	})
	return count
}

func main() {
	target := os.Args[1]
	rounds, err := strconv.Atoi(os.Args[2])
	check(err)
	milliseconds, err := strconv.Atoi(os.Args[3])
	check(err)
	client, err := tenterhook.New(target)
	check(err)
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	ctx := context.Background()
	publishers := []publisher{ofClient(ctx, client), ofStub(ctx, v1.NewEventServiceClient(connection))}
	for _, way := range []string{"unary", "batch", "stream"} {
		for round := range rounds + 1 {
			for turn := range publishers {
				// Each is first as often as the other; the first round only warms up.
				p := publishers[(turn+round)%2]
				start := time.Now()
				count := p.slice(way, start.Add(time.Duration(milliseconds)*time.Millisecond))
				if round > 0 {
					fmt.Println(way, p.name, count, time.Since(start).Seconds())
				}
			}
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
