package tenterhook

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// Event is something that happened, in Go's own values. A zero field is unset.
type Event struct {
	// ID is the idempotency key; Publish makes one if it is empty.
	ID string
	// Namespace is the tenant; empty takes the client's.
	Namespace string
	// Type is what happened, such as `created`.
	Type string
	// ObjectType is the kind of object, such as `ipam.ipaddress`.
	ObjectType string
	// OccurTime is when it happened; zero takes the time of publication.
	OccurTime time.Time
	// Username is who did it.
	Username string
	// RequestID joins events of one request.
	RequestID string
	// Data is the object as it is now: anything that encoding/json takes; a json.RawMessage is sent as it is.
	Data any
	// Prechange is the object before the change, as Data; nil when it was created.
	Prechange any
	// Postchange is the object after the change, as Data; nil when it was deleted.
	Postchange any
	// Attributes are for matching and routing.
	Attributes map[string]string
	// OrderingKey keeps events of one key in order.
	OrderingKey string
	// DeliverAfter is the earliest time of its deliveries.
	DeliverAfter time.Time
	// ExpireTime is when its deliveries are given up.
	ExpireTime time.Time
}

// message makes the message, with an id.
func (e Event) message(namespace string) (*v1.Event, error) {
	made := &v1.Event{
		Id: e.ID, Namespace: e.Namespace, Type: e.Type, ObjectType: e.ObjectType,
		OccurTime: timestamp(e.OccurTime), Username: e.Username, RequestId: e.RequestID,
		Attributes: e.Attributes, OrderingKey: e.OrderingKey,
		DeliverAfter: timestamp(e.DeliverAfter), ExpireTime: timestamp(e.ExpireTime),
	}
	if made.Id == "" {
		made.Id = newID()
	}
	if made.Namespace == "" {
		made.Namespace = namespace
	}
	var err error
	if made.Data, err = document("data", e.Data); err != nil {
		return nil, err
	}
	if e.Prechange == nil && e.Postchange == nil {
		return made, nil
	}
	made.Snapshots = &v1.Snapshots{}
	if made.Snapshots.Prechange, err = document("snapshots.prechange", e.Prechange); err != nil {
		return nil, err
	}
	made.Snapshots.Postchange, err = document("snapshots.postchange", e.Postchange)
	return made, err
}

// JSON makes a document, such as the conditions of a rule, of anything that encoding/json takes.
func JSON(value any) (*v1.JsonDocument, error) {
	encoded, err := encode(value)
	if err != nil {
		return nil, fmt.Errorf("tenterhook: %w", err)
	}
	return &v1.JsonDocument{Value: &v1.JsonDocument_Json{Json: encoded}}, nil
}

// encode keeps `<`, `>` and `&` as they are, unlike json.Marshal: receivers are no HTML pages. It refuses a text that is
// no UTF-8, of which encoding/json makes U+FFFD without a word.
func encode(value any) (string, error) {
	var encoded strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	if strings.Contains(encoded.String(), `\ufffd`) && replaced.MatchString(encoded.String()) {
		return "", errors.New("a text is not UTF-8: give bytes as []byte, which becomes base64")
	}
	return strings.TrimSuffix(encoded.String(), "\n"), nil
}

// replaced finds the escape of U+FFFD that encoding/json writes for bytes that are no UTF-8; a U+FFFD of the text itself
// is not escaped.
var replaced = regexp.MustCompile(`(?:^|[^\\])(?:\\\\)*\\ufffd`)

// Decode reads a document that the server sent into value, as [json.Unmarshal] does.
func Decode(document *v1.JsonDocument, value any) error {
	return json.Unmarshal([]byte(document.GetJson()), value)
}

func document(field string, value any) (*v1.JsonDocument, error) {
	if value == nil {
		return nil, nil
	}
	if raw, isRaw := value.(json.RawMessage); isRaw {
		return &v1.JsonDocument{Value: &v1.JsonDocument_Json{Json: string(raw)}}, nil
	}
	encoded, err := encode(value)
	if err != nil {
		return nil, newInvalid("event."+field, err)
	}
	return &v1.JsonDocument{Value: &v1.JsonDocument_Json{Json: encoded}}, nil
}

func timestamp(moment time.Time) *timestamppb.Timestamp {
	if moment.IsZero() {
		return nil
	}
	return timestamppb.New(moment)
}

// newID is a random UUID (RFC 9562, version 4).
func newID() string {
	var id [16]byte
	// crypto/rand.Read never fails; it ends the program instead.
	_, _ = rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	text := hex.EncodeToString(id[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// scoped is the message with the client's namespace if it has none of its own; the caller's
// message stays as it is.
func scoped[M proto.Message](client *Client, message M) M {
	if reflected := message.ProtoReflect(); !reflected.IsValid() {
		message = reflected.New().Interface().(M) // a nil request asks for everything
	}
	field := message.ProtoReflect().Descriptor().Fields().ByName("namespace")
	if client.options.namespace == "" || message.ProtoReflect().Get(field).String() != "" {
		return message
	}
	message = proto.CloneOf(message)
	message.ProtoReflect().Set(field, protoreflect.ValueOfString(client.options.namespace))
	return message
}
