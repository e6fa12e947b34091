package tenterhook_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// TestTheProgramOfTheReadmeRuns runs every snippet of the README, in order, as one program:
// against the server at TENTERHOOK_TARGET if that is set, else against a scripted one.
func TestTheProgramOfTheReadmeRuns(t *testing.T) {
	target := os.Getenv("TENTERHOOK_TARGET")
	if target == "" {
		target = tenterhook.ReadmeServer(t)
	}
	client, err := tenterhook.New(target)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := t.Context()
	if err := publishes(ctx, client); err != nil {
		t.Fatal(err)
	}
}

func publishes(ctx context.Context, client *tenterhook.Client) error {
	webhook, secret, err := client.CreateWebhook(ctx, &v1.Webhook{
		DisplayName: "inventory-go",
		Request:     &v1.RequestTemplate{Url: "http://127.0.0.1:9000/hook"},
		Rules:       []*v1.EventRule{{EventTypes: []string{"created", "updated"}}},
		Signing:     &v1.SigningPolicy{Schemes: []v1.SignatureScheme{tenterhook.SignStandardWebhooks}},
	}, "")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(secret, "whsec_") {
		return errors.New("no secret")
	}

	result, err := client.Publish(ctx, tenterhook.Event{
		Type:       "created",
		ObjectType: "dcim.site",
		Data:       map[string]any{"id": 7, "name": "Zürich"},
		Username:   "jstretch",
	})
	if err != nil {
		return err
	}
	fmt.Println(result.GetEventId(), result.GetDeliveryCount())

	_, err = client.PublishBatch(ctx, []tenterhook.Event{{Type: "created"}, {Type: "updated"}})
	if err != nil {
		return err
	}

	events := slices.Values([]tenterhook.Event{{Type: "created"}, {Type: "updated"}})
	for ack, err := range client.PublishStream(ctx, events) {
		if err != nil {
			return err
		}
		if ack.Err != nil {
			fmt.Println(ack.Sequence, ack.Err)
		}
	}
	return watches(ctx, client, webhook)
}

func watches(ctx context.Context, client *tenterhook.Client, webhook *v1.Webhook) error {
	var storedToken string
	watch := client.Watch(ctx, &v1.WatchDeliveriesRequest{
		Filter: &v1.DeliveryFilter{WebhookIds: []string{webhook.GetId()}},
		Start:  tenterhook.FromEarliest(),
	})
	for change, err := range watch.All() {
		if err != nil {
			return err
		}
		fmt.Println(change.GetDelivery().GetId(), change.GetDelivery().GetState())
		storedToken = change.Token
		break // yours would go on
	}
	if storedToken == "" {
		return errors.New("no token")
	}

	list := client.ListDeliveries(ctx, &v1.ListDeliveriesRequest{})
	for delivery, err := range list.All {
		if err != nil {
			return err
		}
		fmt.Println(delivery.GetId())
	}
	watch = client.Watch(ctx, &v1.WatchDeliveriesRequest{Start: tenterhook.FromToken(list.ResumeToken())})
	defer watch.Close()
	return fails(ctx, client, webhook)
}

func fails(ctx context.Context, client *tenterhook.Client, webhook *v1.Webhook) error {
	_, err := client.Publish(ctx, tenterhook.Event{})
	var failure *tenterhook.Error
	if errors.As(err, &failure) {
		for _, violation := range failure.FieldViolations {
			fmt.Println(violation.Field, violation.Description)
		}
	}
	if !errors.Is(err, tenterhook.ErrInvalid) || len(failure.FieldViolations) == 0 {
		return fmt.Errorf("not refused: %w", err)
	}

	_, err = client.Webhooks.GetWebhook(ctx, &v1.GetWebhookRequest{WebhookId: "wh_00000000000000000000000000"})
	if errors.Is(err, tenterhook.ErrNotFound) {
		fmt.Println("there is no such webhook")
	} else {
		return fmt.Errorf("found: %w", err)
	}

	id := webhook.GetId()
	_, err = client.Webhooks.PauseWebhook(ctx, &v1.PauseWebhookRequest{WebhookId: id, Reason: "receiver is being moved"})
	if err != nil {
		return err
	}
	_, err = client.Webhooks.ResumeWebhook(ctx, &v1.ResumeWebhookRequest{WebhookId: id})
	if err != nil {
		return err
	}
	_, err = client.Webhooks.DeleteWebhook(ctx, &v1.DeleteWebhookRequest{WebhookId: id})
	return err
}

func receiver(secret string, now tenterhook.VerifyOption) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		if err := tenterhook.Verify(r.Header, body, []string{secret}, now); err != nil {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		fmt.Println(r.Header.Get("webhook-id"), string(body))
		w.WriteHeader(http.StatusNoContent)
	}
}

func TestTheReceiverOfTheReadmeTakesWhatIsSignedAndNothingElse(t *testing.T) {
	secret, body := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `{"test": 2432232314}`
	handler := receiver(secret, tenterhook.WithTolerance(1<<62))
	for signature, want := range map[string]int{
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=": 204,
		"v1,AAAA": 401,
	} {
		request := httptest.NewRequest("POST", "/hook", strings.NewReader(body))
		request.Header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
		request.Header.Set("webhook-timestamp", "1614265330")
		request.Header.Set("webhook-signature", signature)
		answer := httptest.NewRecorder()
		handler(answer, request)
		if answer.Code != want {
			t.Errorf("%s: %d", signature, answer.Code)
		}
	}
}

func TestTLSAsInTheReadmeMakesAClient(t *testing.T) {
	config := &tls.Config{}
	client, err := tenterhook.New("hooks.example.com:443", tenterhook.WithAPIKey("th_…"), tenterhook.WithTLS(config))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
}

// TestEachSnippetStandsHere keeps the README and this file the same.
func TestEachSnippetStandsHere(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	program := tight(strings.NewReplacer(
		"tenterhook.New(target)", `tenterhook.New("localhost:50051")`,
		"[]string{secret}, now)", "[]string{secret})",
	).Replace(string(source)))
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(snippets) < 9 {
		t.Error("snippets:", len(snippets))
	}
	for _, snippet := range snippets {
		if !strings.Contains(program, tight(snippet[1])) {
			t.Errorf("is not in readme_test.go:\n%s", snippet[1])
		}
	}
}

// tight joins words by one blank, so that indentation does not matter.
func tight(text string) string { return strings.Join(strings.Fields(text), " ") }
