// The watch example follows what becomes of every delivery, and goes on where it stopped when it is
// started again: `go run ./examples/watch [TARGET] [TOKEN_FILE]`.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

func follow(ctx context.Context, client *tenterhook.Client, place string) error {
	watch := client.Watch(ctx, &v1.WatchDeliveriesRequest{Start: tenterhook.FromEarliest()})
	watch.Checkpoint = tenterhook.FileCheckpoint(place)
	// The watch ends only with what would come again, such as a token that is no longer kept: what
	// was missed is then in the list of deliveries.
	for change, err := range watch.All() {
		if err != nil {
			return err
		}
		delivery := change.GetDelivery()
		// What this does not finish comes again after a crash.
		fmt.Println(delivery.GetEventId(), delivery.GetState())
	}
	return nil
}

func main() {
	arguments := []string{"localhost:50051", "deliveries.token"}
	copy(arguments, os.Args[1:])
	client, err := tenterhook.New(arguments[0])
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := follow(context.Background(), client, arguments[1]); err != nil {
		log.Fatal(err)
	}
}
