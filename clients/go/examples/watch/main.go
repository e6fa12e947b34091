// The watch example follows what becomes of every delivery, and goes on where it stopped when it is
// started again: `go run ./examples/watch [TARGET] [TOKEN_FILE]`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

func follow(ctx context.Context, client *tenterhook.Client, place string) error {
	request := &v1.WatchDeliveriesRequest{
		Start: &v1.WatchDeliveriesRequest_Position{Position: v1.WatchPosition_WATCH_POSITION_EARLIEST},
	}
	token, err := os.ReadFile(place)
	if err == nil {
		request.Start = &v1.WatchDeliveriesRequest_ResumeToken{ResumeToken: string(token)}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The watch ends only with what would come again, such as a token that is no longer kept: what
	// was missed is then in the list of deliveries.
	for change, err := range client.Watch(ctx, request).All() {
		if err != nil {
			return err
		}
		delivery := change.GetDelivery()
		fmt.Println(delivery.GetEventId(), delivery.GetState())
		// Only now: what was not acted on comes again after a crash.
		if err := store(place, change.Token); err != nil {
			return err
		}
	}
	return nil
}

// store writes all of it or nothing, also over a crash of the machine.
func store(place, token string) error {
	file, err := os.Create(place + ".new")
	if err != nil {
		return err
	}
	_, err = file.WriteString(token)
	// It is on the disk before it takes the place of the one before.
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(place+".new", place)
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
