"""Stands before an HTTP server of the tests: lets requests through, answers in its place, or hangs up."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Verdict = int | Literal["pass", "hang up"]
"""A status to answer with, or what to do with the request."""
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Interposed:
    """`judge` is asked about the method and path of every request; `asked` are those so far, with the verdict."""

    url: str = ""
    judge: Callable[[str, str], Verdict] = lambda _method, _path: "pass"
    asked: list[tuple[str, str, Verdict]] = field(default_factory=list)


@contextmanager
def interposed(server: str) -> Iterator[Interposed]:
    """Serve on a free port of this machine in front of the server at that URL, until the block ends."""
    between = Interposed()
    target = urlsplit(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            verdict = between.judge(self.command, self.path)
            between.asked.append((self.command, self.path, verdict))
            if verdict == "hang up":
                self.close_connection = True
            elif verdict == "pass":
                self._pass_on(body)
            else:
                said = b'{"error":{"type":"es_rejected_execution_exception","reason":"the queue is full"}}'
                headers = {"content-type": "application/json", "x-elastic-product": "Elasticsearch"}
                self._answer(verdict, said, headers)

        def _pass_on(self, body: bytes) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            with closing(http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)) as connection:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                said = answer.read()
            self._answer(answer.status, said, dict(answer.getheaders()))

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                # Whoever asked may have been killed meanwhile.
                with suppress(BrokenPipeError):
                    self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815  # the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    front = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    front.daemon_threads = True
    thread = threading.Thread(target=front.serve_forever, daemon=True)
    thread.start()
    between.url = f"http://127.0.0.1:{front.server_port}"
    try:
        yield between
    finally:
        front.shutdown()
        front.server_close()
        thread.join()
