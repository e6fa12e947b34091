package tenterhook

import (
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"google.golang.org/grpc/codes"
)

// warnInterval is the time between two warnings of a watch that cannot connect.
const warnInterval = time.Minute

// Connectivity tells whether a watch is connected. If not, Err says why, and RetryIn when it tries again.
type Connectivity struct {
	Connected bool
	Err       *Error
	RetryIn   time.Duration
}

// follower follows the connection of one watch.
type follower struct {
	connected    bool
	wasConnected bool
	failures     int
	warnedAt     time.Time
}

// heard notes that the server sent something, and returns whether that is news.
func (f *follower) heard(log *slog.Logger) bool {
	if f.connected {
		return false
	}
	if !f.warnedAt.IsZero() {
		log.Info("tenterhook: watch is connected again", "tries", f.failures)
	}
	*f = follower{connected: true, wasConnected: true}
	return true
}

// failed notes that the connection failed or could not be made.
func (f *follower) failed(log *slog.Logger, err *Error, wait time.Duration) {
	switch {
	case f.connected:
		// One that is back at once, as after a restart of the server, is worth no warning.
		log.Debug("tenterhook: watch lost its connection", "error", err, "retry_in", wait)
	case time.Since(f.warnedAt) >= warnInterval:
		f.warnedAt = time.Now()
		log.Warn("tenterhook: watch cannot connect", "error", err, "retry_in", wait)
	default:
		log.Debug("tenterhook: watch cannot connect", "error", err, "retry_in", wait)
	}
	f.connected = false
	f.failures++
}

// permanent has gRPC's words for what no further try will mend, and what to do about it.
var permanent = []struct {
	words  *regexp.Regexp
	advice string
}{
	{
		regexp.MustCompile(`tls: failed to verify certificate|x509: `),
		"the server's certificate is not trusted, or is for another host: give its authority by WithTLS",
	},
	{
		regexp.MustCompile(`first record does not look like a TLS handshake`),
		"the server does not speak TLS: begin the target with http:// if that is meant",
	},
	{
		regexp.MustCompile(`the frame header looked like an HTTP/1.1 header`),
		"the port does not speak gRPC: check it, and begin the target with https:// if the server speaks TLS",
	},
	{regexp.MustCompile(`no such host`), "there is no such host: check the target"},
}

// advise marks an error that no further try will mend.
func advise(failure *Error) {
	if failure.Code != codes.Unavailable {
		return
	}
	for _, known := range permanent {
		if known.words.MatchString(failure.Message) {
			failure.Permanent = true
			failure.Message = fmt.Sprintf("%s (%s)", known.advice, failure.Message)
			return
		}
	}
}
