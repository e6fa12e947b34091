"""Receives webhooks and verifies them: `python receiver.py SECRET [PORT]`."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from tenterhook import InvalidSignature, verify


class Receiver(BaseHTTPRequestHandler):
    secret = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            verify(self.headers, body, self.secret)
        except InvalidSignature as reason:
            print("refused:", reason, flush=True)
            self.send_response(401)
        else:
            print("received", self.headers["webhook-id"], body.decode(), flush=True)
            self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:
        """Says nothing: what matters is printed above."""


if __name__ == "__main__":
    Receiver.secret = sys.argv[1]
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 9000
    with HTTPServer(("127.0.0.1", port), Receiver) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
