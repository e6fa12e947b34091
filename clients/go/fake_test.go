package tenterhook

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// fake is a server that answers each call with the next of its answers: for a unary call a
// message, an error or a func(proto.Message) proto.Message; for a watch a []any of messages,
// errors and durations to be silent; for a stream one message or error an event.
type fake struct {
	target string

	mutex    sync.Mutex
	answers  []any
	requests []proto.Message
	metadata []metadata.MD
	server   *grpc.Server
}

func newFake(t *testing.T, answers ...any) *fake {
	t.Helper()
	return listen(t, "127.0.0.1:0", answers...)
}

func listen(t *testing.T, address string, answers ...any) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	made := &fake{target: listener.Addr().String(), answers: answers}
	made.server = grpc.NewServer(grpc.UnknownServiceHandler(made.handle))
	go func() { _ = made.server.Serve(listener) }()
	t.Cleanup(made.server.Stop)
	return made
}

// client makes a client of the fake that retries fast.
func (f *fake) client(t *testing.T, options ...Option) *Client {
	t.Helper()
	fast := RetryPolicy{Initial: 10 * time.Millisecond, Multiplier: 2, Max: time.Second, Jitter: 0.2}
	client, err := New(f.target, append([]Option{WithRetry(fast)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (f *fake) seen() []proto.Message {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return append([]proto.Message(nil), f.requests...)
}

func (f *fake) next(request proto.Message) any {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.requests = append(f.requests, request)
	if len(f.answers) == 0 {
		return status.Error(codes.Internal, "the script has ended")
	}
	answer := f.answers[0]
	f.answers = f.answers[1:]
	return answer
}

func (f *fake) handle(_ any, stream grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(stream)
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return status.Error(codes.Unimplemented, path)
	}
	method := found.(protoreflect.MethodDescriptor)
	kind, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return err
	}
	headers, _ := metadata.FromIncomingContext(stream.Context())
	f.mutex.Lock()
	f.metadata = append(f.metadata, headers)
	f.mutex.Unlock()
	for {
		request := kind.New().Interface()
		if stream.RecvMsg(request) != nil {
			return nil
		}
		if err := f.answer(stream, request); err != nil || !method.IsStreamingClient() {
			return err
		}
	}
}

func (f *fake) answer(stream grpc.ServerStream, request proto.Message) error {
	switch answer := f.next(request).(type) {
	case error:
		return answer
	case func(proto.Message) proto.Message:
		return stream.SendMsg(answer(request))
	case *v1.StreamPublishEventsResponse:
		answer.Sequence = request.(*v1.StreamPublishEventsRequest).GetSequence()
		return stream.SendMsg(answer)
	case []any:
		return play(stream, answer)
	default:
		return stream.SendMsg(answer)
	}
}

func play(stream grpc.ServerStream, script []any) error {
	for _, step := range script {
		switch step := step.(type) {
		case error:
			return step
		case time.Duration:
			select {
			case <-stream.Context().Done():
			case <-time.After(step):
			}
		default:
			if err := stream.SendMsg(step); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse makes a status with details.
func refused(code codes.Code, message string, details ...protoadapt.MessageV1) error {
	made, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return made.Err()
}

func info(reason string, pairs ...string) *errdetails.ErrorInfo {
	made := &errdetails.ErrorInfo{Domain: "tenterhook", Reason: reason, Metadata: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		made.Metadata[pairs[i]] = pairs[i+1]
	}
	return made
}

func retryInfo(wait time.Duration) *errdetails.RetryInfo {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}
}

func published(id string) *v1.PublishEventResponse {
	return &v1.PublishEventResponse{Result: &v1.PublishResult{EventId: id}}
}

func background(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
