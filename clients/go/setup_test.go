package tenterhook

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

func TestWhatNoFurtherTryWillMendIsPermanent(t *testing.T) {
	for words, advice := range map[string]string{
		"connection error: transport: authentication handshake failed: tls: failed to verify certificate: x509: unknown authority": "certificate",
		"transport: authentication handshake failed: tls: first record does not look like a TLS handshake":                         "http://",
		"error reading server preface: http2: frame too large, note that the frame header looked like an HTTP/1.1 header":          "https://",
		"name resolver error: dns: A record lookup error: lookup nowhere.example: no such host":                                    "no such host",
	} {
		failure := readError(status.Error(codes.Unavailable, words))
		if !failure.Permanent || !strings.Contains(failure.Message, advice) || !strings.Contains(failure.Message, words) {
			t.Errorf("%s: %+v", words, failure)
		}
	}
	for _, away := range []error{
		status.Error(codes.Unavailable, "connection error: dial tcp 127.0.0.1:1: connect: connection refused"),
		status.Error(codes.Internal, "no such host"),
	} {
		if readError(away).Permanent {
			t.Errorf("%v is permanent", away)
		}
	}
}

func TestATestOfAWebhookMayTakeAsLongAsAnAttempt(t *testing.T) {
	test, other := v1.WebhookService_TestWebhook_FullMethodName, v1.WebhookService_GetWebhook_FullMethodName
	unset, set := options{}, options{timeout: 2 * time.Second}
	got := []time.Duration{unset.timeoutOf(test), unset.timeoutOf(other), set.timeoutOf(test)}
	if want := []time.Duration{testTimeout, DefaultTimeout, 2 * time.Second}; !slices.Equal(got, want) {
		t.Error(got)
	}
}

func TestAURLNeedsNoPort(t *testing.T) {
	for target, want := range map[string]string{
		"https://hooks.example.com":      "hooks.example.com:443",
		"https://hooks.example.com/":     "hooks.example.com:443",
		"https://hooks.example.com:8443": "hooks.example.com:8443",
		"https://[::1]":                  "[::1]:443",
		"http://localhost":               "localhost:80",
		"localhost:50051":                "localhost:50051",
	} {
		if _, _, address, err := parse(target); err != nil || address != want {
			t.Errorf("%s: %s, %v", target, address, err)
		}
	}
	for _, target := range []string{"hooks.example.com", "ftp://hooks.example.com", "https://", ":1", "::1"} {
		if _, _, address, err := parse(target); err == nil {
			t.Errorf("%s is %s", target, address)
		}
	}
}

// listenTo keeps what a client logs.
func listenTo(log *bytes.Buffer) Option {
	return WithLogger(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

func levels(log *bytes.Buffer) (found []string) {
	for line := range strings.Lines(log.String()) {
		_, after, _ := strings.Cut(line, "level=")
		level, _, _ := strings.Cut(after, " ")
		found = append(found, level)
	}
	return found
}

func TestAWatchWarnsOnceWhileItCannotConnectAndSaysWhenItHas(t *testing.T) {
	away := status.Error(codes.Unavailable, "away")
	server := newFake(t, []any{change(1), away}, []any{away}, []any{away}, []any{change(2), 5 * time.Second})
	log := &bytes.Buffer{}
	watch := server.client(t, listenTo(log)).Watch(background(t), &v1.WatchDeliveriesRequest{})
	take(t, watch, "d1", "d2")
	watch.Close()
	if got := strings.Join(levels(log), " "); got != "DEBUG WARN DEBUG INFO" {
		t.Errorf("%s:\n%s", got, log)
	}
	if text := log.String(); !strings.Contains(text, "watch cannot connect") || !strings.Contains(text, "Unavailable: away") || !strings.Contains(text, "tries=3") {
		t.Error(text)
	}
}

func TestARetryIsToldAtDebug(t *testing.T) {
	server := newFake(t, status.Error(codes.Unavailable, "away"), &v1.PublishEventResponse{Result: &v1.PublishResult{EventId: "e"}})
	log := &bytes.Buffer{}
	if _, err := server.client(t, listenTo(log)).Publish(background(t), Event{Type: "created"}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(levels(log), " "); got != "DEBUG" || !strings.Contains(log.String(), "PublishEvent") {
		t.Errorf("%s:\n%s", got, log)
	}
}

func TestAKeyFileThatIsEmptyOrMissingIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := APIKeyFile(path); err == nil {
		t.Error("there is no such file")
	}
	if err := os.WriteFile(path, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := APIKeyFile(path); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Error(err)
	}
}

func TestACertificateThatIsNoPEMIsRefusedByItsVariable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, []byte("secret text"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TENTERHOOK_ADDRESS", "localhost:1")
	t.Setenv("TENTERHOOK_CA", path)
	_, err := FromEnv()
	if err == nil || !strings.Contains(err.Error(), "TENTERHOOK_CA: ") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}
