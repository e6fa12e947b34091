package tenterhook

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// TestConformance runs the shared scenarios against a real server; clients/conformance/README.md
// says what a step means. It needs the harness: make test-clients.
func TestConformance(t *testing.T) {
	control := os.Getenv("TENTERHOOK_CONTROL")
	if control == "" {
		t.Fatal("needs the harness: make test-clients")
	}
	files, err := filepath.Glob("../../tests/fixtures/conformance/*.json")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range files {
		var document struct {
			Given     map[string][]step
			Scenarios []struct {
				Name  string
				Steps []step
			}
		}
		read(t, file, &document)
		for _, scenario := range document.Scenarios {
			count++
			t.Run(filepath.Base(file)+": "+scenario.Name, func(t *testing.T) {
				runner := newRunner(t, control, document.Given)
				runner.run(scenario.Steps)
			})
		}
	}
	if count < 60 {
		t.Errorf("only %d scenarios", count)
	}
}

type step = map[string]any

type openWatch struct {
	*Watch
	cancel      context.CancelFunc
	known, seen map[string]bool
}

type runner struct {
	t         *testing.T
	control   string
	given     map[string][]step
	variables map[string]string
	clients   map[string]*Client
	watches   map[string]*openWatch
	attempts  map[string]*atomic.Int64
	// files is the folder of the files that were written.
	files string
	// connectivity is what each watch told of its connection.
	connectivity map[string]*[]string
}

func newRunner(t *testing.T, control string, given map[string][]step) *runner {
	r := &runner{t: t, control: control, given: given, variables: map[string]string{},
		clients: map[string]*Client{}, watches: map[string]*openWatch{}, attempts: map[string]*atomic.Int64{}, connectivity: map[string]*[]string{}}
	for name, value := range r.ask("/") {
		r.variables[name] = text(value)
	}
	r.variables["ns"] = "go-" + strings.ReplaceAll(newID(), "-", "")[:12]
	r.variables["uuid"] = newID()
	r.connect("main", step{"target": r.variables["target"]})
	return r
}

func (r *runner) run(steps []step) {
	r.t.Helper()
	for _, raw := range steps {
		if name, is := raw["given"].(string); is {
			r.run(r.given[name])
			continue
		}
		if times, is := raw["repeat"].(float64); is {
			for i := range int(times) {
				r.variables["i"] = strconv.Itoa(i)
				var inner []step
				for _, one := range raw["steps"].([]any) {
					inner = append(inner, one.(step))
				}
				r.run(inner)
			}
			continue
		}
		if err := r.step(r.fill(raw).(step)); err != nil {
			encoded, _ := json.Marshal(raw)
			r.t.Fatalf("%s\n  %v", encoded, err)
		}
	}
}

func (r *runner) step(s step) error {
	start := time.Now()
	patience := time.Duration(number(s["within_ms"], 30_000)) * time.Millisecond
	err := r.attempt(s, patience)
	_, expects := s["expect"]
	for err != nil && expects && s["within_ms"] != nil && time.Since(start) < patience {
		time.Sleep(50 * time.Millisecond)
		err = r.attempt(s, patience)
	}
	if err == nil && time.Since(start) < time.Duration(number(s["at_least_ms"], 0))*time.Millisecond {
		return errors.New("too early")
	}
	return err
}

func (r *runner) attempt(s step, patience time.Duration) error {
	if s["give_up_ms"] != nil {
		return r.giveUp(s, patience)
	}
	if after := s["close_client_ms"]; after != nil {
		client := r.clients[text(s["client"])]
		time.AfterFunc(time.Duration(number(after, 0))*time.Millisecond, func() { _ = client.Close() })
	}
	start := time.Now()
	answer, err := r.do(r.t.Context(), s, patience)
	if wanted, is := s["error"].(step); is {
		if time.Since(start) > patience {
			return fmt.Errorf("too late: %w", err)
		}
		return checkError(err, wanted)
	}
	if err != nil {
		return err
	}
	if wanted, is := s["expect"]; is {
		if err := contains(answer, wanted, "answer"); err != nil {
			return err
		}
	}
	if wanted, is := s["count"]; is {
		if err := contains(answer.(step)["count"], wanted, "count"); err != nil {
			return err
		}
	}
	if saved, is := s["save"].(step); is {
		for name, path := range saved {
			r.variables[name] = text(at(answer, path.(string)))
		}
	}
	return nil
}

// giveUp cancels the context of the call, or of the wait for a change.
func (r *runner) giveUp(s step, patience time.Duration) error {
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	start := time.Now()
	time.AfterFunc(time.Duration(number(s["give_up_ms"], 0))*time.Millisecond, cancel)
	answer, err := r.do(ctx, s, patience)
	if !errors.Is(err, context.Canceled) || time.Since(start) > patience {
		return fmt.Errorf("not given up but %v, %v after %v", answer, err, time.Since(start))
	}
	return nil
}

func (r *runner) do(ctx context.Context, s step, patience time.Duration) (any, error) {
	client := r.clients[cmp.Or(text(s["client"]), "main")]
	switch {
	case s["ping"] != nil:
		return step{}, client.Ping(ctx)
	case s["write"] != nil:
		return step{}, r.write(s)
	case s["refuse"] != nil:
		return s["expect"], r.refuse(s)
	case s["connectivity"] != nil:
		return texts(*r.connectivity[s["connectivity"].(string)]), nil
	case s["call"] != nil:
		return invoke(client, s["call"].(string), s["request"])
	case s["publish"] != nil:
		result, err := client.Publish(ctx, toEvent(s["publish"].(step)))
		return asJSON(result, err)
	case s["publish_batch"] != nil:
		results, err := client.PublishBatch(ctx, toEvents(s["publish_batch"]))
		answers := []any{}
		for _, result := range results {
			one, _ := asJSON(result, nil)
			answers = append(answers, one)
		}
		return answers, err
	case s["leave"] != nil:
		return step{}, r.leave(ctx, client, s)
	case s["fail_at"] != nil:
		return failAt(ctx, client, s)
	case s["publish_stream"] != nil:
		return publishAll(ctx, client, r.events(s))
	case s["publish_each"] != nil:
		return r.publishEach(ctx, client, s)
	case s["ordered"] != nil:
		return ordered(ctx, client, int(number(s["ordered"], 0)))
	case s["list"] != nil:
		return list(ctx, client, s)
	case s["watch"] != nil:
		request := &v1.WatchDeliveriesRequest{}
		fromJSON(s["request"], request)
		ctx, cancel := context.WithCancel(r.t.Context())
		watch := client.Watch(ctx, request)
		watch.OnConnectivity = r.follow(s["watch"].(string))
		if s["checkpoint"] != nil {
			watch.Checkpoint = FileCheckpoint(s["checkpoint"].(string))
		}
		r.watches[s["watch"].(string)] = &openWatch{watch, cancel, map[string]bool{}, map[string]bool{}}
		if s["take"] != nil {
			return r.watches[s["take"].(string)].take(ctx, s, patience)
		}
		return step{}, nil
	case s["wait_ms"] != nil:
		return step{}, r.watches[s["take"].(string)].wait(ctx, s)
	case s["take"] != nil:
		return r.watches[s["take"].(string)].take(ctx, s, patience)
	case s["close_client"] != nil:
		return step{}, r.clients[s["close_client"].(string)].Close()
	case s["attempts"] != nil:
		if made := r.attempts[s["attempts"].(string)].Load(); float64(made) > s["at_most"].(float64) {
			return nil, fmt.Errorf("%d attempts", made)
		}
		return step{}, nil
	case s["close"] != nil:
		r.watches[s["close"].(string)].Close()
		return step{}, nil
	case s["connect"] != nil:
		r.connect(s["connect"].(string), s)
		return step{}, nil
	}
	return r.ask(s["control"].(string)), nil
}

func (r *runner) write(s step) error {
	if r.files == "" {
		r.files = r.t.TempDir()
	}
	path := filepath.Join(r.files, s["write"].(string))
	r.variables[s["write"].(string)] = path
	return os.WriteFile(path, []byte(text(s["text"])), 0o600)
}

// refuse makes no client, by an environment at fault.
func (r *runner) refuse(s step) error {
	_, err := r.fromEnv(s["refuse"].(step))
	if err == nil {
		return errors.New("not refused")
	}
	for _, wanted := range s["expect"].([]any) {
		if !strings.Contains(err.Error(), wanted.(string)) {
			return fmt.Errorf("%q is not in %w", wanted, err)
		}
	}
	return nil
}

// fromEnv makes a client by an environment of these variables and no others of Tenterhook.
func (r *runner) fromEnv(variables step) (*Client, error) {
	before := os.Environ()
	defer func() {
		os.Clearenv()
		for _, pair := range before {
			name, value, _ := strings.Cut(pair, "=")
			_ = os.Setenv(name, value)
		}
	}()
	for _, pair := range before {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "TENTERHOOK_") {
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range variables {
		_ = os.Setenv(name, value.(string))
	}
	return FromEnv()
}

// follow notes the state of a watch's connection, once while it stays the same.
func (r *runner) follow(name string) func(Connectivity) {
	told := &[]string{}
	r.connectivity[name] = told
	return func(state Connectivity) {
		now := "connected"
		if !state.Connected {
			now = codeName(state.Err.Code)
		}
		if len(*told) == 0 || (*told)[len(*told)-1] != now {
			*told = append(*told, now)
		}
	}
}

func texts(values []string) []any {
	var made []any
	for _, value := range values {
		made = append(made, value)
	}
	return made
}

func (r *runner) connect(name string, s step) {
	if variables, is := s["env"].(step); is {
		client, err := r.fromEnv(variables)
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { _ = client.Close() })
		r.clients[name] = client
		return
	}
	timeout := time.Duration(number(s["timeout_ms"], 10_000)) * time.Millisecond
	made := &atomic.Int64{}
	r.attempts[name] = made
	headers, _ := s["headers"].(step)
	counted := func(context.Context) map[string]string {
		made.Add(1)
		given := map[string]string{}
		for name, value := range headers {
			given[name] = text(value)
		}
		return given
	}
	options := []Option{WithNamespace(r.variables["ns"]), WithRetry(retryOf(s)), WithTimeout(timeout), WithAPIKey(text(s["api_key"])), WithHeaders(counted)}
	if keys, is := s["api_keys"].([]any); is {
		options = append(options, WithAPIKeyFrom(func() string {
			key := keys[0].(string)
			keys = keys[min(1, len(keys)-1):]
			return key
		}))
	}
	if s["ca"] != nil {
		options = append(options, WithTLS(tlsConfig(r.t, s)))
	}
	client, err := New(s["target"].(string), options...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = client.Close() })
	r.clients[name] = client
}

// retryOf is the policy of a step: true or false, or the fields that are not zero.
func retryOf(s step) RetryPolicy {
	given, is := s["retry"].(step)
	if !is {
		policy := DefaultRetry
		policy.Disabled = s["retry"] == false
		return policy
	}
	milliseconds := func(name string) time.Duration {
		return time.Duration(number(given[name], 0)) * time.Millisecond
	}
	return RetryPolicy{
		Initial: milliseconds("initial_ms"), Max: milliseconds("max_ms"), Multiplier: float64(number(given["multiplier"], 0)),
		Disabled: given["enabled"] == false,
	}
}

func tlsConfig(t *testing.T, s step) *tls.Config {
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM([]byte(text(s["ca"])))
	if s["cert"] != nil {
		pair, err := tls.X509KeyPair([]byte(text(s["cert"])), []byte(text(s["cert_key"])))
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

// events yields the events of a stream, and asks the harness before it ends.
func (r *runner) events(s step) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for _, event := range toEvents(s["publish_stream"]) {
			if !yield(event) {
				return
			}
		}
		if path, is := s["then"].(string); is {
			r.ask(path)
		}
	}
}

func (r *runner) ask(path string) step {
	response, err := http.Get(r.control + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answer := step{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		r.t.Fatal(path, err)
	}
	return answer
}

var variable = regexp.MustCompile(`\$[a-z]+[0-9]*`)

func (r *runner) fill(value any) any {
	switch value := value.(type) {
	case step:
		filled := step{}
		for name, inside := range value {
			filled[r.fill(name).(string)] = r.fill(inside)
		}
		return filled
	case []any:
		filled := make([]any, len(value))
		for i, inside := range value {
			filled[i] = r.fill(inside)
		}
		return filled
	case string:
		return variable.ReplaceAllStringFunc(value, func(name string) string { return r.variables[name[1:]] })
	}
	return value
}

// publishEach publishes numbered events by a publisher, with something in the middle.
func (r *runner) publishEach(ctx context.Context, client *Client, s step) (any, error) {
	given, _ := s["publisher"].(step)
	publisher := client.Publisher(PublisherOptions{
		Linger:    time.Duration(number(given["linger_ms"], 0)) * time.Millisecond,
		MaxEvents: number(given["max_events"], 0), InFlight: number(given["in_flight"], 0), Outstanding: number(given["outstanding"], 0),
	})
	bad, _ := s["bad"].([]any)
	count := number(s["publish_each"], 0)
	publications := make([]*Publication, count)
	meanwhile := make(chan struct{})
	for n := range count {
		if n == count/2 {
			go func() {
				if path, is := s["meanwhile"].(string); is {
					r.ask(path)
				}
				close(meanwhile)
			}()
		}
		event := Event{ID: fmt.Sprint("e", n), Type: "created", Data: map[string]any{"n": n}}
		if slices.Contains(bad, any(float64(n))) {
			event.Type = ""
		}
		if keys := number(s["keys"], 0); keys > 0 {
			event.OrderingKey = fmt.Sprint("k", n%keys)
		}
		var err error
		if publications[n], err = publisher.Publish(ctx, event); err != nil {
			return nil, err
		}
	}
	publisher.Close()
	<-meanwhile
	failed := []any{}
	for n, publication := range publications {
		if result, err := publication.Wait(ctx); err != nil {
			failed = append(failed, float64(n))
		} else if result.GetEventId() != publication.ID {
			return nil, fmt.Errorf("%s is the result of %s", result.GetEventId(), publication.ID)
		}
	}
	return step{"stored": float64(count - len(failed)), "failed": failed}, nil
}

// ordered checks that the events of each key were stored in the order of their numbers.
func ordered(ctx context.Context, client *Client, keys int) (any, error) {
	count := 0.0
	last := map[int]int{}
	for event, err := range client.ListEvents(ctx, &v1.ListEventsRequest{PageSize: 1000}) { // newest first
		if err != nil {
			return nil, err
		}
		n, _ := strconv.Atoi(event.GetId()[1:])
		if before, seen := last[n%keys]; seen && n > before {
			return nil, fmt.Errorf("e%d is after e%d", before, n)
		}
		last[n%keys] = n
		count++
	}
	return step{"count": count}, nil
}

// leave opens streams whose events do not end, and leaves each after its first acknowledgement.
func (r *runner) leave(ctx context.Context, client *Client, s step) error {
	endless := func(yield func(Event) bool) {
		for yield(toEvents(s["publish_stream"])[0]) {
		}
	}
	for range int(number(s["leave"], 0)) {
		for _, err := range client.PublishStream(ctx, endless) {
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// failAt publishes from a source that panics.
func failAt(ctx context.Context, client *Client, s step) (answer any, err error) {
	acknowledged := 0
	defer func() { answer = step{"acknowledged": acknowledged, "own_error": recover() == "the source failed"} }()
	source := func(yield func(Event) bool) {
		for _, event := range toEvents(s["publish_stream"])[:int(number(s["fail_at"], 0))] {
			if !yield(event) {
				return
			}
		}
		panic("the source failed")
	}
	for _, err := range client.PublishStream(ctx, source) {
		if err != nil {
			return nil, err
		}
		acknowledged++
	}
	return nil, nil
}

// wait waits so long for a change, which does not come unless it is one to skip.
func (w *openWatch) wait(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(number(s["wait_ms"], 0))*time.Millisecond)
	defer cancel()
	skip, _ := s["skip"].([]any)
	for _, event := range skip {
		w.known[text(event)] = true
	}
	change, err := w.NextContext(ctx)
	if err == nil && slices.Contains(skip, any(change.GetDelivery().GetEventId())) {
		return nil
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("not nothing but %v, %w", change, err)
	}
	return nil
}

// take reads so many changes, or until each event was seen in the state; none may come twice, and no other event.
func (w *openWatch) take(ctx context.Context, s step, patience time.Duration) (any, error) {
	late := time.AfterFunc(patience, w.cancel)
	defer late.Stop()
	waiting := map[string]bool{}
	events, _ := s["events"].([]any)
	for _, event := range events {
		waiting[event.(string)], w.known[event.(string)] = true, true
	}
	token, taken, count := "", 0, int(number(s["count"], 0))
	for ; len(waiting) > 0 || taken < count || (events == nil && count == 0); taken++ {
		change, err := w.NextContext(ctx)
		if err != nil {
			return nil, err
		}
		delivery := change.GetDelivery()
		token = change.Token
		mark := fmt.Sprint(delivery.GetId(), delivery.GetState(), delivery.GetAttemptCount())
		if count > 0 {
			w.known[delivery.GetEventId()] = true
		}
		if w.seen[mark] || !w.known[delivery.GetEventId()] {
			return nil, fmt.Errorf("%s of %s came twice or is not wanted", mark, delivery.GetEventId())
		}
		w.seen[mark] = true
		if delivery.GetState().String() == s["state"] {
			delete(waiting, delivery.GetEventId())
		}
	}
	return step{"token": token, "count": taken}, nil
}

func publishAll(ctx context.Context, client *Client, events iter.Seq[Event]) (any, error) {
	acks := []any{}
	for ack, err := range client.PublishStream(ctx, events) {
		if err != nil {
			return nil, err
		}
		if ack.Err != nil {
			failed := step{"code": codeName(ack.Err.Code), "reason": ack.Err.ReasonName(), "text": ack.Err.Error()}
			if len(ack.Err.FieldViolations) > 0 {
				failed["field"] = ack.Err.FieldViolations[0].Field
			}
			acks = append(acks, step{"error": failed})
			continue
		}
		result, err := asJSON(ack.Result, nil)
		if err != nil {
			return nil, err
		}
		acks = append(acks, step{"result": result})
	}
	return acks, nil
}

func list(ctx context.Context, client *Client, s step) (any, error) {
	count, token := 0.0, ""
	var failure error
	tally := func(err error) {
		count++
		failure = err
	}
	switch s["list"] {
	case "webhooks":
		request := &v1.ListWebhooksRequest{}
		fromJSON(s["request"], request)
		for _, err := range client.ListWebhooks(ctx, request) {
			tally(err)
		}
	case "events":
		request := &v1.ListEventsRequest{}
		fromJSON(s["request"], request)
		for _, err := range client.ListEvents(ctx, request) {
			tally(err)
		}
	default:
		request := &v1.ListDeliveriesRequest{}
		fromJSON(s["request"], request)
		found := client.ListDeliveries(ctx, request)
		for _, err := range found.All {
			tally(err)
		}
		token = found.ResumeToken()
	}
	return step{"count": count, "resume_token": token}, failure
}

// invoke calls any method that is no stream by its name.
func invoke(client *Client, path string, fields any) (any, error) {
	service, method, _ := strings.Cut(path, "/")
	services := map[string]any{
		"AccessService": client.Access, "DeliveryService": client.Deliveries, "EventService": client.Events,
		"WebhookService": client.Webhooks,
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName("tenterhook.v1." + protoName(method+"Request"))
	if err != nil {
		return nil, err
	}
	request := kind.New().Interface()
	fromJSON(fields, request)
	call := reflect.ValueOf(services[service]).MethodByName(method)
	results := call.Call([]reflect.Value{reflect.ValueOf(context.Background()), reflect.ValueOf(request)})
	failure, _ := results[1].Interface().(error)
	response, _ := results[0].Interface().(proto.Message)
	return asJSON(response, failure)
}

func toEvents(values any) (events []Event) {
	for _, value := range values.([]any) {
		events = append(events, toEvent(value.(step)))
	}
	return events
}

func toEvent(s step) Event {
	snapshots, _ := s["snapshots"].(step)
	attributes := map[string]string{}
	if given, is := s["attributes"].(step); is {
		for name, value := range given {
			attributes[name] = value.(string)
		}
	}
	return Event{
		ID: text(s["id"]), Namespace: text(s["namespace"]), Type: text(s["type"]), ObjectType: text(s["object_type"]),
		Username: text(s["username"]), Data: s["data"], Attributes: attributes,
		Prechange: snapshots["prechange"], Postchange: snapshots["postchange"],
	}
}

func asJSON(message proto.Message, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	encoded, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	if err != nil {
		return nil, err
	}
	var answer any
	err = json.Unmarshal(encoded, &answer)
	return answer, err
}

func fromJSON(fields any, message proto.Message) {
	encoded, err := json.Marshal(fields)
	if err == nil {
		err = protojson.Unmarshal(encoded, message)
	}
	if err != nil {
		panic(err)
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(file, err)
	}
}

var kindsByName = map[string]error{
	"NOT_FOUND": ErrNotFound, "ALREADY_EXISTS": ErrConflict, "ABORTED": ErrConflict, "FAILED_PRECONDITION": ErrConflict,
	"INVALID_ARGUMENT": ErrInvalid, "OUT_OF_RANGE": ErrInvalid, "UNAVAILABLE": ErrUnavailable,
}

func codeName(code codes.Code) string {
	return strings.ToUpper(regexp.MustCompile(`(.)([A-Z])`).ReplaceAllString(code.String(), "${1}_${2}"))
}

func checkError(err error, wanted step) error {
	var failure *Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("no error but %v", err)
	}
	if errors.Is(err, ErrClosed) != (wanted["closed"] == true) {
		return fmt.Errorf("closed or not: %w", err)
	}
	code := strings.Replace(codeName(failure.Code), "CANCELED", "CANCELLED", 1)
	if !slices.Contains(strings.Split(text(wanted["code"]), "|"), code) {
		return fmt.Errorf("%s: %w", code, err)
	}
	if kind := kindsByName[code]; kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("not of its kind: %w", err)
	}
	if reason := text(wanted["reason"]); reason != "" && failure.ReasonName() != reason {
		return fmt.Errorf("not %s: %w", reason, err)
	}
	if permanent, is := wanted["permanent"].(bool); is && permanent != failure.Permanent {
		return fmt.Errorf("permanent %v: %w", failure.Permanent, err)
	}
	isField := func(violation FieldViolation) bool { return strings.HasPrefix(violation.Field, text(wanted["field"])) }
	if wanted["field"] != nil && !slices.ContainsFunc(failure.FieldViolations, isField) {
		return fmt.Errorf("not %v: %w", wanted["field"], err)
	}
	if wanted["message"] != nil {
		if err := contains(failure.Message, wanted["message"], "message"); err != nil {
			return err
		}
	}
	if wanted["text"] != nil {
		if err := contains(failure.Error(), wanted["text"], "text"); err != nil {
			return err
		}
	}
	if after, is := wanted["retry_after"].(bool); is && after != (failure.RetryAfter > 0) {
		return fmt.Errorf("retry after %v: %w", failure.RetryAfter, err)
	}
	names, _ := wanted["metadata"].([]any)
	for _, name := range names {
		if failure.Metadata[name.(string)] == "" {
			return fmt.Errorf("%v is not in %v", name, slices.Collect(maps.Keys(failure.Metadata)))
		}
	}
	return nil
}
