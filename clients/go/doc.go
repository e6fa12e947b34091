// Package tenterhook is the client of the Tenterhook webhook delivery service: it publishes
// events, manages webhooks, watches deliveries, and verifies what was delivered.
//
// Every method of the API is at [Client.Webhooks], [Client.Events] and [Client.Deliveries];
// calls made there get the same deadline, retries and [Error] as the methods of [Client].
package tenterhook
