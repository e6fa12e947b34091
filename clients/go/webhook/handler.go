package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
)

// MaxBytes is the largest body that the server sends: 1 MiB.
const MaxBytes = 1 << 20

// Seen remembers which deliveries were handled. A shared one, in a database, is for several processes.
type Seen interface {
	// Has reports whether the event with this id was handled.
	Has(ctx context.Context, id string) (bool, error)
	// Add notes that it was.
	Add(ctx context.Context, id string) error
}

// WithSeen replaces the memory of the last 10,000 events that [Handler] has.
func WithSeen(seen Seen) Option { return func(o *options) { o.seen = seen } }

// WithMaxBytes replaces [MaxBytes].
func WithMaxBytes(most int64) Option { return func(o *options) { o.maxBytes = most } }

// WithLogger replaces [slog.Default], where [Handler] logs what is refused and what fails.
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// Handler handles the event of each delivery by handle, once. It answers 204, 401 to a request that must not be
// trusted, 413 to too large a body, and 500 when handle fails or the receiver is misconfigured, which is logged. The
// server tries again after a 500.
func Handler(secrets []string, handle func(context.Context, Event) error, opts ...Option) http.Handler {
	made := chosen(opts)
	if made.seen == nil {
		made.seen = NewRecentIDs(10_000)
	}
	if made.logger == nil {
		made.logger = slog.Default()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := made.serve(w, r, secrets, handle, opts)
		switch status {
		case http.StatusNoContent:
		case http.StatusUnauthorized:
			made.logger.WarnContext(r.Context(), "refused a webhook", "error", err)
		default:
			made.logger.ErrorContext(r.Context(), "cannot receive a webhook", "error", err)
		}
		w.WriteHeader(status)
	})
}

func (o options) serve(w http.ResponseWriter, r *http.Request, secrets []string, handle func(context.Context, Event) error, opts []Option) (int, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, o.maxBytes))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge, err
	} else if err != nil {
		return http.StatusBadRequest, err
	}
	event, err := Parse(r.Header, body, secrets, opts...)
	if errors.Is(err, ErrSignature) {
		return http.StatusUnauthorized, err
	} else if err != nil {
		return http.StatusInternalServerError, err
	}
	if event.ID != "" {
		known, err := o.seen.Has(r.Context(), event.ID)
		if err != nil {
			return http.StatusInternalServerError, err
		} else if known {
			return http.StatusNoContent, nil
		}
	}
	if err := handle(r.Context(), event); err != nil {
		return http.StatusInternalServerError, err
	}
	if event.ID != "" {
		if err := o.seen.Add(r.Context(), event.ID); err != nil {
			return http.StatusInternalServerError, err
		}
	}
	return http.StatusNoContent, nil
}

// RecentIDs remembers the last events, in memory.
type RecentIDs struct {
	mutex sync.Mutex
	known map[string]bool
	order []string
	next  int
}

// NewRecentIDs remembers so many.
func NewRecentIDs(limit int) *RecentIDs {
	return &RecentIDs{known: map[string]bool{}, order: make([]string, max(limit, 1))}
}

// Has implements [Seen].
func (r *RecentIDs) Has(_ context.Context, id string) (bool, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.known[id], nil
}

// Add implements [Seen].
func (r *RecentIDs) Add(_ context.Context, id string) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !r.known[id] {
		delete(r.known, r.order[r.next])
		r.known[id], r.order[r.next] = true, id
		r.next = (r.next + 1) % len(r.order)
	}
	return nil
}
