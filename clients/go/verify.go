package tenterhook

import (
	"net/http"
	"time"

	"github.com/tenterhook/tenterhook/clients/go/webhook"
)

// The package webhook has all that a receiver needs, without gRPC; Verify is here too for programs that do both.

// Tolerance is how far a Standard Webhooks timestamp may be from the receiver's clock.
const Tolerance = webhook.Tolerance

// Scheme is how requests are signed.
type Scheme = webhook.Scheme

const (
	// StandardWebhooks signs in `webhook-id`, `webhook-timestamp` and `webhook-signature`.
	StandardWebhooks = webhook.StandardWebhooks
	// NetBox signs in `X-Hook-Signature`. It does not protect from replays.
	NetBox = webhook.NetBox
	// GitHub signs in `X-Hub-Signature-256`. It does not protect from replays.
	GitHub = webhook.GitHub
)

var (
	// ErrSignature is what the errors of [Verify] about a request that must not be trusted wrap: answer 401.
	ErrSignature = webhook.ErrSignature
	// ErrMisconfigured is what the errors of [Verify] about the receiver itself wrap: answer 500 and fix it.
	ErrMisconfigured = webhook.ErrMisconfigured
)

// VerifyOption changes how [Verify] checks.
type VerifyOption = webhook.Option

// WithScheme expects that scheme instead of StandardWebhooks.
func WithScheme(scheme Scheme) VerifyOption { return webhook.WithScheme(scheme) }

// At takes the receiver's clock to show now.
func At(now time.Time) VerifyOption { return webhook.At(now) }

// WithTolerance replaces [Tolerance].
func WithTolerance(tolerance time.Duration) VerifyOption { return webhook.WithTolerance(tolerance) }

// Verify returns nil if one of the secrets signed the request: its header and its body, as it arrived, before
// anything parses it.
func Verify(header http.Header, body []byte, secrets []string, opts ...VerifyOption) error {
	return webhook.Verify(header, body, secrets, opts...)
}
