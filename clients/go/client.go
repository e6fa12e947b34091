package tenterhook

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// DefaultTimeout bounds a call, its retries included, whose context has no deadline.
const DefaultTimeout = 10 * time.Second

// testTimeout is the same for TestWebhook, which returns when an attempt has ended: 60 s at most.
const testTimeout = 70 * time.Second

// Client is a client of one Tenterhook server. It is safe for concurrent use.
type Client struct {
	// Webhooks has every method of the webhook service.
	Webhooks v1.WebhookServiceClient
	// Events has every method of the event service.
	Events v1.EventServiceClient
	// Deliveries has every method of the delivery service.
	Deliveries v1.DeliveryServiceClient
	// Server has every method of the server service.
	Server v1.ServerServiceClient
	// Access has every method of the access service.
	Access v1.AccessServiceClient

	target     string
	connection *grpc.ClientConn
	options    options
	// life is done when the client is closed.
	life context.Context
	end  context.CancelFunc
}

type options struct {
	apiKey    func() string
	logger    *slog.Logger
	namespace string
	timeout   time.Duration
	retry     RetryPolicy
	tls       *tls.Config
	headers   func(context.Context) map[string]string
	dial      []grpc.DialOption
}

// Option changes what [New] makes.
type Option func(*options)

// WithAPIKey sends the key with each call.
func WithAPIKey(key string) Option {
	if key == "" {
		return WithAPIKeyFrom(nil)
	}
	return WithAPIKeyFrom(func() string { return key })
}

// WithAPIKeyFrom asks for the key at each call, for example one of [APIKeyFile].
func WithAPIKeyFrom(key func() string) Option { return func(o *options) { o.apiKey = key } }

// WithLogger replaces [slog.Default] for what a client does by itself: a watch that cannot connect is
// a warning, once a minute; retries are told at the level Debug.
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// WithNamespace is used by the methods of [Client] where a call names no namespace.
func WithNamespace(namespace string) Option { return func(o *options) { o.namespace = namespace } }

// WithTimeout replaces [DefaultTimeout], and the 70 s of TestWebhook, which takes as long as an attempt.
func WithTimeout(timeout time.Duration) Option { return func(o *options) { o.timeout = timeout } }

// WithRetry replaces [DefaultRetry].
func WithRetry(policy RetryPolicy) Option { return func(o *options) { o.retry = policy } }

// WithTLS sets roots to trust and certificates to show; it implies TLS.
func WithTLS(config *tls.Config) Option { return func(o *options) { o.tls = config } }

// WithHeaders is asked for further metadata at each call: the place to pass on a trace context.
func WithHeaders(headers func(context.Context) map[string]string) Option {
	return func(o *options) { o.headers = headers }
}

// WithDialOptions adds options for gRPC itself.
func WithDialOptions(dial ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, dial...) }
}

// New makes a client of the server at target, `host:port` or a URL such as `https://hooks.example.com`. TLS is used unless the host is this
// machine or the target begins with `http://`. It does not connect yet.
//
// An API key is not sent to another machine without TLS: New fails then.
func New(target string, opts ...Option) (*Client, error) {
	chosen := options{retry: DefaultRetry, logger: slog.Default()}
	for _, option := range opts {
		option(&chosen)
	}
	return open(target, chosen)
}

func open(target string, chosen options) (*Client, error) {
	client := &Client{target: target, options: chosen}
	client.life, client.end = context.WithCancel(context.Background())
	connection, err := dial(target, client)
	if err != nil {
		client.end()
		return nil, err
	}
	client.connection = connection
	client.Webhooks = v1.NewWebhookServiceClient(connection)
	client.Events = v1.NewEventServiceClient(connection)
	client.Deliveries = v1.NewDeliveryServiceClient(connection)
	client.Server = v1.NewServerServiceClient(connection)
	client.Access = v1.NewAccessServiceClient(connection)
	return client, nil
}

// Close ends the connection and everything on it: calls, streams and watches fail with [ErrClosed],
// those in flight and later ones. It may be called again.
func (c *Client) Close() error {
	if c.life.Err() != nil {
		return nil
	}
	c.end()
	return c.connection.Close()
}

// failure reads what a call or stream of this client failed with.
func (c *Client) failure(err error) *Error {
	if c.life.Err() != nil {
		return newClosed()
	}
	return readError(err)
}

// pingTimeout bounds a ping whose context has no deadline.
const pingTimeout = 5 * time.Second

// Ping returns nil when the server can be reached and knows the key, and what is in the way otherwise,
// without a second try. For the start of a program, and for its health check.
func (c *Client) Ping(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pingTimeout)
		defer cancel()
	}
	_, err := c.Server.GetServerInfo(withoutRetry(ctx), &v1.GetServerInfoRequest{})
	var failure *Error
	if errors.As(err, &failure) && failure.Code == codes.PermissionDenied {
		// A key that may only publish is known all the same.
		return nil
	}
	return err
}

// Publish publishes one event. When it returns without an error the event is on the server's disk.
// An event without an ID gets one here, so that a retry makes no second event.
func (c *Client) Publish(ctx context.Context, event Event) (*v1.PublishResult, error) {
	message, err := event.message(c.options.namespace)
	if err != nil {
		return nil, err
	}
	response, err := c.Events.PublishEvent(ctx, &v1.PublishEventRequest{Event: message})
	return response.GetResult(), err
}

// PublishBatch publishes up to 1,000 events, all or none, in order.
func (c *Client) PublishBatch(ctx context.Context, events []Event) ([]*v1.PublishResult, error) {
	request := &v1.BatchPublishEventsRequest{}
	for _, event := range events {
		message, err := event.message(c.options.namespace)
		if err != nil {
			return nil, err
		}
		request.Events = append(request.Events, message)
	}
	response, err := c.Events.BatchPublishEvents(ctx, request)
	return response.GetResults(), err
}

// CreateWebhook makes a webhook and returns it with its signing secret, which is told only here.
// With an empty secret the server makes one if the webhook asks for signatures.
func (c *Client) CreateWebhook(ctx context.Context, webhook *v1.Webhook, secret string) (*v1.Webhook, string, error) {
	response, err := c.Webhooks.CreateWebhook(ctx, &v1.CreateWebhookRequest{
		Webhook:       scoped(c, webhook),
		SigningSecret: secret,
	})
	return response.GetWebhook(), response.GetSigningSecret(), err
}

// GetDelivery returns one delivery with all its attempts.
func (c *Client) GetDelivery(ctx context.Context, id string) (*v1.Delivery, error) {
	response, err := c.Deliveries.GetDelivery(ctx, &v1.GetDeliveryRequest{DeliveryId: id})
	return response.GetDelivery(), err
}

// outgoing adds the key and the program's own headers.
func (c *Client) outgoing(ctx context.Context) context.Context {
	var pairs []string
	if c.options.apiKey != nil {
		pairs = append(pairs, "authorization", "Bearer "+strings.TrimSpace(c.options.apiKey()))
	}
	if c.options.headers != nil {
		for name, value := range c.options.headers(ctx) {
			pairs = append(pairs, name, value)
		}
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}
