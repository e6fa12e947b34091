// Package tenterhooktest is for tests of your own: a server in memory, a receiver that notes what comes, and a wait for a
// delivery.
//
//	server := tenterhooktest.NewServer(t)
//	receiver := tenterhooktest.NewReceiver(t)
//	client := server.Client()
//	client.CreateWebhook(ctx, &v1.Webhook{DisplayName: "hook", Request: &v1.RequestTemplate{Url: receiver.URL}}, "")
//	result, err := client.Publish(ctx, tenterhook.Event{Type: "created"})
//	tenterhooktest.WaitFor(t, client, result.GetEventId(), v1.DeliveryState_DELIVERY_STATE_SUCCEEDED)
//	request := receiver.Wait(1)[0]
//
// The server is the program tenterhook, found by TENTERHOOK_BIN or in the PATH. All that it starts ends with the test.
package tenterhooktest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// Patience is how long the waits of this package wait.
const Patience = 10 * time.Second

const (
	binary   = "TENTERHOOK_BIN"
	logLines = 100
	// startPatience is how long a server may take until it listens.
	startPatience = 20 * time.Second
	// lastWords is how long the rest of the log of a server that is stopped may take.
	lastWords = time.Second
)

// started is a line of the server's log: of that whose Target is tenterhook::started, Listen is where it listens.
type started struct {
	Target string `json:"target"`
	Listen string `json:"listen"`
}

// Server is a server on a free port of this machine, with its store in memory.
type Server struct {
	// Target is where it listens: 127.0.0.1:PORT.
	Target string

	t     testing.TB
	mutex sync.Mutex
	lines []string
}

// NewServer starts a server, in a fraction of a second; flags are further ones of tenterhook serve. Its settings come
// from them alone, and not from the environment.
func NewServer(t testing.TB, flags ...string) *Server {
	t.Helper()
	server := &Server{t: t}
	if err := server.start(startPatience, flags); err != nil {
		t.Fatal(err)
	}
	return server
}

func (s *Server) start(within time.Duration, flags []string) error {
	path, err := find()
	if err != nil {
		return err
	}
	arguments := []string{"serve", "--dev", "--store", "memory:", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--log-format", "json"}
	command := exec.Command(path, append(arguments, flags...)...)
	command.Env = slices.DeleteFunc(os.Environ(), func(one string) bool { return strings.HasPrefix(one, "TENTERHOOK_") })
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	command.WaitDelay = lastWords
	if err := command.Start(); err != nil {
		return err
	}
	target := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait()
		_ = writer.Close()
	}()
	go s.read(reader, target)
	s.t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
	})
	select {
	case s.Target = <-target:
	case <-time.After(within):
		return fmt.Errorf("the server did not start within %v: %s\n%s", within, command, s.Log())
	}
	if s.Target == "" {
		return fmt.Errorf("the server did not start: %s\n%s", command, s.Log())
	}
	return nil
}

// read keeps what the server writes, and sends where it listens, or nothing if it ends before.
func (s *Server) read(output io.Reader, target chan<- string) {
	defer close(target)
	told := false
	for lines := bufio.NewScanner(output); lines.Scan(); {
		s.mutex.Lock()
		s.lines = append(s.lines, lines.Text())
		s.lines = s.lines[max(0, len(s.lines)-logLines):]
		s.mutex.Unlock()
		var line started
		if !told && json.Unmarshal(lines.Bytes(), &line) == nil && line.Target == "tenterhook::started" {
			told = true
			target <- line.Listen
		}
	}
}

// Log is the last 100 lines that the server wrote.
func (s *Server) Log() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return strings.Join(s.lines, "\n")
}

// Client makes a client in a namespace of its own, so that tests do not see each other.
func (s *Server) Client(options ...tenterhook.Option) *tenterhook.Client {
	s.t.Helper()
	namespace := tenterhook.WithNamespace("test-" + strings.ToLower(rand.Text()[:12]))
	client, err := tenterhook.New(s.Target, append([]tenterhook.Option{namespace}, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

func find() (string, error) {
	given := os.Getenv(binary)
	if given == "" {
		given = "tenterhook"
	}
	path, err := exec.LookPath(given)
	if err != nil {
		return "", fmt.Errorf("there is no program %s: install it, or set %s to its path", given, binary)
	}
	return path, nil
}

// Request is a request that came.
type Request struct {
	Path   string
	Header http.Header
	Body   []byte
}

// Receiver is an HTTP server on a free port of this machine that notes each request.
type Receiver struct {
	// URL is where it listens.
	URL string

	t        testing.TB
	mutex    sync.Mutex
	requests []Request
	statuses []int
	came     chan struct{}
}

// NewReceiver starts a receiver. It answers with these statuses, one after the other, and then with 204.
func NewReceiver(t testing.TB, statuses ...int) *Receiver {
	receiver := &Receiver{t: t, statuses: statuses, came: make(chan struct{}, 1)}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	receiver.URL = server.URL + "/"
	return receiver
}

// ServeHTTP notes a request.
func (r *Receiver) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.requests = append(r.requests, Request{request.URL.Path, request.Header.Clone(), body})
	status := http.StatusNoContent
	if len(r.statuses) > 0 {
		status, r.statuses = r.statuses[0], r.statuses[1:]
	}
	response.WriteHeader(status)
	select {
	case r.came <- struct{}{}:
	default:
	}
}

// Requests is what came so far, in order.
func (r *Receiver) Requests() []Request {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.requests)
}

// Wait returns the requests when so many have come. It fails the test after Patience.
func (r *Receiver) Wait(count int) []Request {
	r.t.Helper()
	late := time.After(Patience)
	for {
		if requests := r.Requests(); len(requests) >= count {
			return requests
		}
		select {
		case <-r.came:
		case <-late:
			r.t.Fatalf("%d of %d requests came within %v", len(r.Requests()), count, Patience)
		}
	}
}

// WaitFor returns the deliveries of the event, with their attempts, when there are some and all are in the state. It
// fails the test after Patience, and at once when a delivery ends in another state.
func WaitFor(t testing.TB, client *tenterhook.Client, eventID string, state v1.DeliveryState) []*v1.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	deliveries, err := wait(ctx, client, eventID, state)
	if err != nil {
		t.Fatal(err)
	}
	return deliveries
}

func wait(ctx context.Context, client *tenterhook.Client, eventID string, state v1.DeliveryState) ([]*v1.Delivery, error) {
	filter := &v1.DeliveryFilter{EventIds: []string{eventID}}
	list := client.ListDeliveries(ctx, &v1.ListDeliveriesRequest{Filter: filter})
	states := map[string]v1.DeliveryState{}
	for delivery, err := range list.All {
		if err != nil {
			return nil, err
		}
		states[delivery.GetId()] = delivery.GetState()
	}
	start := &v1.WatchDeliveriesRequest_ResumeToken{ResumeToken: list.ResumeToken()}
	watch := client.Watch(ctx, &v1.WatchDeliveriesRequest{Filter: filter, Start: start})
	defer watch.Close()
	for !all(states, state) {
		if err := endedOtherwise(ctx, client, eventID, states, state); err != nil {
			return nil, err
		}
		change, err := watch.Next()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("event %s is not %s in time: %s", eventID, name(state), describe(states))
		}
		if err != nil {
			return nil, err
		}
		states[change.GetDelivery().GetId()] = change.GetDelivery().GetState()
	}
	var found []*v1.Delivery
	for id := range states {
		delivery, err := client.GetDelivery(ctx, id)
		if err != nil {
			return nil, err
		}
		found = append(found, delivery)
	}
	return found, nil
}

func all(states map[string]v1.DeliveryState, wanted v1.DeliveryState) bool {
	for _, state := range states {
		if state != wanted {
			return false
		}
	}
	return len(states) > 0
}

func final(state v1.DeliveryState) bool {
	return state >= v1.DeliveryState_DELIVERY_STATE_SUCCEEDED
}

func endedOtherwise(
	ctx context.Context, client *tenterhook.Client, eventID string, states map[string]v1.DeliveryState, wanted v1.DeliveryState,
) error {
	for id, state := range states {
		if !final(wanted) || !final(state) || state == wanted {
			continue
		}
		delivery, err := client.GetDelivery(ctx, id)
		if err != nil {
			return err
		}
		why := "it was not tried"
		if attempts := delivery.GetAttempts(); len(attempts) > 0 {
			why = attempts[len(attempts)-1].GetError()
		}
		return fmt.Errorf("delivery %s of event %s is %s: %s", id, eventID, name(state), why)
	}
	return nil
}

func name(state v1.DeliveryState) string {
	return strings.TrimPrefix(state.String(), "DELIVERY_STATE_")
}

func describe(states map[string]v1.DeliveryState) string {
	if len(states) == 0 {
		return "it has no delivery"
	}
	var told []string
	for id, state := range states {
		told = append(told, id+": "+name(state))
	}
	return strings.Join(told, ", ")
}
