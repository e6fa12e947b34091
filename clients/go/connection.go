package tenterhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// maxReceive is 64 MiB: a page of full deliveries may be larger than gRPC's default of 4 MiB.
const maxReceive = 64 << 20

// reconnect replaces gRPC's default, which waits up to 120 s between two connections.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 5 * time.Second},
	MinConnectTimeout: 5 * time.Second,
}

// alive notices a connection that a firewall forgot, while calls wait on it.
var alive = keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}

func dial(target string, client *Client) (*grpc.ClientConn, error) {
	scheme, host, address, err := parse(target)
	if err != nil {
		return nil, err
	}
	secure := client.options.tls != nil || scheme == "https" || !isLocal(host)
	if scheme == "http" || !secure {
		if client.options.apiKey != nil && !isLocal(host) {
			return nil, errors.New("tenterhook: an API key is not sent without TLS to another machine")
		}
		return connect(address, insecure.NewCredentials(), client)
	}
	config := client.options.tls
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return connect(address, credentials.NewTLS(config), client)
}

func connect(address string, security credentials.TransportCredentials, client *Client) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(security),
		grpc.WithConnectParams(reconnect),
		grpc.WithKeepaliveParams(alive),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive)),
		grpc.WithDisableServiceConfig(),
		// As a chain: the caller's own WithUnaryInterceptor would replace one that is not.
		grpc.WithChainUnaryInterceptor(client.unary),
		grpc.WithChainStreamInterceptor(client.stream),
	}
	return grpc.NewClient(address, append(options, client.options.dial...)...)
}

// stream adds headers to streams; deadlines and retries are not for them.
func (c *Client) stream(ctx context.Context, description *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return streamer(c.outgoing(ctx), description, cc, method, opts...)
}

var hasPort = regexp.MustCompile(`:\d+$`)

func parse(target string) (scheme, host, address string, err error) {
	scheme, address, found := strings.Cut(target, "://")
	if !found {
		scheme, address = "", target
	} else if scheme != "http" && scheme != "https" {
		return "", "", "", fmt.Errorf("tenterhook: the target %q has a scheme other than http and https", target)
	}
	address = strings.TrimSuffix(address, "/")
	if found && !hasPort.MatchString(address) {
		address += map[string]string{"http": ":80", "https": ":443"}[scheme]
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(host, "/?#@ \t\r\n") || strings.Trim(port, "0123456789") != "" || port == "" {
		return "", "", "", fmt.Errorf("tenterhook: the target %q is not host:port", target)
	}
	return scheme, host, address, nil
}

func isLocal(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
