package tenterhook

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// The kinds of [Error], for [errors.Is].
var (
	// ErrNotFound: there is no such webhook, event, delivery or key.
	ErrNotFound = errors.New("tenterhook: not found")
	// ErrConflict: the thing exists already, was changed by somebody else, or its state forbids the call.
	ErrConflict = errors.New("tenterhook: conflict")
	// ErrInvalid: the request is wrong; FieldViolations says where.
	ErrInvalid = errors.New("tenterhook: invalid")
	// ErrUnavailable: the server cannot be reached, or is stopping. The call may be repeated.
	ErrUnavailable = errors.New("tenterhook: unavailable")
	// ErrClosed: the client was closed before the call, or while it was in flight.
	ErrClosed = errors.New("tenterhook: client closed")
)

var kinds = map[codes.Code]error{
	codes.NotFound:           ErrNotFound,
	codes.AlreadyExists:      ErrConflict,
	codes.Aborted:            ErrConflict,
	codes.FailedPrecondition: ErrConflict,
	codes.InvalidArgument:    ErrInvalid,
	codes.OutOfRange:         ErrInvalid,
	codes.Unavailable:        ErrUnavailable,
	codes.Canceled:           context.Canceled,
	codes.DeadlineExceeded:   context.DeadlineExceeded,
}

// FieldViolation is one field at fault.
type FieldViolation struct {
	// Field is its path in the request.
	Field string
	// Description says what is wrong with it.
	Description string
}

// Error is a call that failed, or an event that cannot be sent. Every method of [Client] returns it, and
// every method of its services that is no stream.
type Error struct {
	// Code is the gRPC code.
	Code codes.Code
	// Reason is the server's reason; unspecified when it gave none, as for errors of the transport.
	Reason v1.ErrorReason
	// Message says what is wrong.
	Message string
	// FieldViolations has every field at fault.
	FieldViolations []FieldViolation
	// RetryAfter is the wait after which the call may succeed; 0 when the server told none.
	RetryAfter time.Duration
	// Metadata is what belongs to the reason.
	Metadata map[string]string
	// Permanent says that trying again will not help, because the client is set up wrongly: the server's
	// certificate is not trusted, it speaks no TLS, the port speaks no gRPC, or there is no such host.
	Permanent bool

	hasRetryAfter bool
	closed        bool
	status        *status.Status
}

func newClosed() *Error {
	const message = "the client is closed"
	return &Error{Code: codes.Canceled, Message: message, closed: true, status: status.New(codes.Canceled, message)}
}

// newInvalid is the error of a field that cannot be sent.
func newInvalid(field string, cause error) *Error {
	message := field + ": " + cause.Error()
	violations := []FieldViolation{{field, cause.Error()}}
	return &Error{Code: codes.InvalidArgument, Message: message, FieldViolations: violations, status: status.New(codes.InvalidArgument, message)}
}

// ReasonName is the reason without its prefix, such as ETAG_MISMATCH; empty when there is none.
func (e *Error) ReasonName() string {
	if e.Reason == v1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(e.Reason.String(), "ERROR_REASON_")
}

// Error implements error.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("tenterhook: " + e.Code.String())
	if name := e.ReasonName(); name != "" {
		text.WriteString(" " + name)
	}
	return text.String() + ": " + e.Message
}

// Is reports whether target is the kind of this error, or the error of the context that ended the call.
func (e *Error) Is(target error) bool {
	if e.closed {
		return target == ErrClosed
	}
	return target == kinds[e.Code] && target != nil
}

// GRPCStatus lets [status.FromError] read the error.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// readError reads the status of a failed call, its google.rpc details included.
func readError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	from, _ := status.FromError(err)
	failure := &Error{Code: from.Code(), Message: from.Message(), status: from}
	for _, detail := range from.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == "tenterhook" {
				failure.Reason = v1.ErrorReason(v1.ErrorReason_value["ERROR_REASON_"+detail.GetReason()])
				failure.Metadata = detail.GetMetadata()
			}
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				failure.FieldViolations = append(failure.FieldViolations, FieldViolation{violation.GetField(), violation.GetDescription()})
			}
		case *errdetails.RetryInfo:
			failure.RetryAfter = detail.GetRetryDelay().AsDuration()
			failure.hasRetryAfter = true
		}
	}
	advise(failure)
	return failure
}

// readPublishError reads the acknowledgement of an event that a stream refused.
func readPublishError(refused *v1.PublishError) *Error {
	code := codes.Code(refused.GetCode())
	failure := &Error{Code: code, Reason: refused.GetReason(), Message: refused.GetMessage(), status: status.New(code, refused.GetMessage())}
	if refused.GetField() != "" {
		description := strings.TrimPrefix(refused.GetMessage(), refused.GetField()+": ")
		failure.FieldViolations = []FieldViolation{{refused.GetField(), description}}
	}
	return failure
}
