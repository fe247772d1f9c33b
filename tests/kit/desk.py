"""A receiver that survives the processes it hears from: it writes down every notification with its time."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Heard:
    """One delivery."""

    id: str
    at: float
    content: dict[str, object]


@dataclass
class Desk:
    """Where deliveries arrive; `url` is what a webhook receiver is configured with."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)

    def ids(self) -> list[str]:
        """In order of arrival, repeats included."""
        return [delivery.id for delivery in self.heard]


@contextmanager
def open_desk() -> Iterator[Desk]:
    """Serve on a free port of this machine until the block ends."""
    desk = Desk()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            desk.heard.append(Heard(self.headers["idempotency-key"] or "", time.monotonic(), json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    desk.url = f"http://127.0.0.1:{server.server_port}/desk"
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
