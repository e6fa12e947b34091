// The receiver example receives webhooks and verifies them: `go run ./examples/receiver SECRET [PORT]`.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	tenterhook "github.com/tenterhook/tenterhook/clients/go"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: receiver SECRET [PORT]")
	}
	secret, port := os.Args[1], "9000"
	if len(os.Args) > 2 {
		port = os.Args[2]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on http://" + listener.Addr().String())
	server := &http.Server{Handler: receive(secret), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

func receive(secret string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		if err := tenterhook.Verify(r.Header, body, []string{secret}); err != nil {
			fmt.Println("refused:", err)
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		fmt.Println("received", r.Header.Get("webhook-id"), string(body))
		w.WriteHeader(http.StatusNoContent)
	}
}
