// Package webhook is for receivers: it checks that a request came from Tenterhook and was not changed, reads its event,
// and handles each event once. It needs nothing but the standard library.
package webhook
