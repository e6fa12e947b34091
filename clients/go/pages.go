package tenterhook

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	v1 "github.com/tenterhook/tenterhook/clients/go/gen/tenterhook/v1"
)

// ListWebhooks yields every webhook that matches, oldest first, page by page as it is asked for.
func (c *Client) ListWebhooks(ctx context.Context, request *v1.ListWebhooksRequest) iter.Seq2[*v1.Webhook, error] {
	request = proto.CloneOf(scoped(c, request))
	return pages(func() ([]*v1.Webhook, string, error) {
		response, err := c.Webhooks.ListWebhooks(ctx, request)
		request.PageToken = response.GetNextPageToken()
		return response.GetWebhooks(), request.PageToken, err
	})
}

// ListEvents yields every event that matches, newest first, page by page as it is asked for.
func (c *Client) ListEvents(ctx context.Context, request *v1.ListEventsRequest) iter.Seq2[*v1.Event, error] {
	request = proto.CloneOf(scoped(c, request))
	return pages(func() ([]*v1.Event, string, error) {
		response, err := c.Events.ListEvents(ctx, request)
		request.PageToken = response.GetNextPageToken()
		return response.GetEvents(), request.PageToken, err
	})
}

// Deliveries is a list of deliveries and the place where it was taken.
type Deliveries struct {
	// All yields every delivery that matches, newest first, page by page as it is asked for.
	All iter.Seq2[*v1.Delivery, error]

	resumeToken string
}

// ResumeToken starts a watch that misses no change after the list; it is known once All has
// yielded or ended.
func (d *Deliveries) ResumeToken() string { return d.resumeToken }

// ListDeliveries lists every delivery that matches.
func (c *Client) ListDeliveries(ctx context.Context, request *v1.ListDeliveriesRequest) *Deliveries {
	request = proto.CloneOf(scoped(c, request))
	list := &Deliveries{}
	list.All = pages(func() ([]*v1.Delivery, string, error) {
		response, err := c.Deliveries.ListDeliveries(ctx, request)
		request.PageToken = response.GetNextPageToken()
		if token := response.GetResumeToken(); token != "" {
			list.resumeToken = token
		}
		return response.GetDeliveries(), request.PageToken, err
	})
	return list
}

func pages[T any](next func() ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			items, token, err := next()
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if token == "" {
				return
			}
		}
	}
}
