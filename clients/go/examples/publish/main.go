// The publish example is a service that tells what happens to its sites:
// `go run ./examples/publish [TARGET] [RECEIVER_URL] [SECRET] [REVISION]`.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

type site struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Revision string `json:"revision"`
}

// sites is what the service is about; it has one client for its whole life.
type sites struct{ client *tenterhook.Client }

func (s sites) save(ctx context.Context, saved site) error {
	result, err := s.client.Publish(ctx, tenterhook.Event{
		// The ID names what happened, so that telling it twice makes no second event.
		ID:          fmt.Sprintf("site-%d-%s", saved.ID, saved.Revision),
		Type:        "updated",
		ObjectType:  "dcim.site",
		Data:        saved,
		OrderingKey: fmt.Sprintf("site-%d", saved.ID),
	})
	if err != nil {
		return err
	}
	fmt.Println(result.GetEventId(), map[bool]string{true: "known", false: "new"}[result.GetDuplicate()])
	return nil
}

// subscribe makes the webhook, unless an earlier run did.
func subscribe(ctx context.Context, client *tenterhook.Client, url, secret string) error {
	_, _, err := client.CreateWebhook(ctx, &v1.Webhook{
		DisplayName: "sites",
		Request:     &v1.RequestTemplate{Url: url},
		Rules:       []*v1.EventRule{{ObjectTypes: []string{"dcim.site"}}},
		Signing:     &v1.SigningPolicy{Schemes: []v1.SignatureScheme{v1.SignatureScheme_SIGNATURE_SCHEME_STANDARD_WEBHOOKS}},
	}, secret)
	if errors.Is(err, tenterhook.ErrConflict) {
		log.Print("the webhook is there: ", err)
		return nil
	}
	return err
}

func run(ctx context.Context, target, url, secret, revision string) error {
	client, err := tenterhook.New(target)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := subscribe(ctx, client, url, secret); err != nil {
		return err
	}
	for number, name := range []string{"Zürich", "Genève", "Lugano"} {
		if err := (sites{client}).save(ctx, site{number, name, revision}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	arguments := []string{"localhost:50051", "http://127.0.0.1:9000/hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "1"}
	copy(arguments, os.Args[1:])
	if err := run(context.Background(), arguments[0], arguments[1], arguments[2], arguments[3]); err != nil {
		log.Fatal(err)
	}
}
