"""What the scripted Facebook and the scripted Instagram share: a Graph API that is as strict as the real one.

It knows its tokens and the proof that goes with them, gives lists by cursors that say `next` while there is more,
tells its errors by code with status 400, and how much was used in headers.
"""

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.kit.ingest import SECRET, Failure
from tests.kit.scripted_http import Asked, ScriptedServer, Told
from tests.networks.any_path import AnyPath

VERSION = "v25.0"
APP_ID, APP_SECRET = "9001", f"app {SECRET}"
VERIFY_TOKEN = f"verify {SECRET}"
NO_END = 0


def error(code: int, subcode: int = 0, *, status: int = 400, headers: dict[str, str] | None = None) -> Told:
    """An error as the Graph API writes it. Its sentence repeats the token, as the real one's may."""
    said = {
        "message": f"(#{code}) Error concerning token {SECRET}", "type": "OAuthException", "code": code,
        "error_subcode": subcode, "fbtrace_id": "Az8or2yhqkZfEZ",
    }  # fmt: skip
    return Told(status, json.dumps({"error": said}).encode(), {"content-type": "application/json", **(headers or {})})


GONE = error(100, 33)
FAILURES: dict[Failure, Told] = {
    "busy": error(4, status=429, headers={"retry-after": "7"}),
    "down": Told(500, b"<h1>Sorry, something went wrong</h1>"),
    "garbage": Told(200, b'{"data": {"no": "list"}, "id": []}', {"content-type": "application/json"}),
    "revoked": error(190, 460),
    "huge": Told(200, b'{"data": [' + b'{"id": "1"},' * 950_000),
}


def signed(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    """Headers of a delivery."""
    digest = hmac.new(secret.encode(), body, sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}


def told(what: Any, headers: dict[str, str] | None = None) -> Told:
    """A JSON answer; letters beyond ASCII are escaped, as Meta does."""
    return Told(200, json.dumps(what).encode(), {"content-type": "application/json", **(headers or {})})


@dataclass
class GraphNetwork:
    """Objects behind a token. `refused` are errors by path (without the version), `headers` go with every answer.

    `arrives` is called after every page of a list: what it publishes shifts what is still to be read when `shifts`.
    """

    server: ScriptedServer
    token: str = SECRET
    secret: str = ""
    scopes: tuple[str, ...] = ()
    expires_at: int = NO_END
    data_access_expires_at: int = NO_END
    page_size: int = 100
    shifts: bool = False
    refused: dict[str, Told] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    arrives: Callable[[], None] | None = None
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.answers = AnyPath(self.answer)

    def fail(self, failure: Failure | None) -> None:
        """Misbehave, or no more."""
        if failure == "flaky":
            self.server.misbehave(error(2, status=500), share=0.3)
        else:
            self.server.misbehave(FAILURES[failure] if failure else None)

    def answer(self, asked: Asked) -> Told:
        """Answer one request."""
        version, _, path = asked.path.strip("/").partition("/")
        assert version == VERSION, asked.path
        self.paths.append(path)
        if path in self.refused:
            return self.refused[path]
        if path == "debug_token":
            return self._debug_token(asked)
        token = asked.query.get("access_token", "")
        if token not in self.tokens():
            return error(190, 467)
        proof = hmac.new(self.secret.encode(), token.encode(), sha256).hexdigest()
        if self.secret and asked.query.get("appsecret_proof") != proof:
            return error(100)
        found = self.find(path, asked)
        return GONE if found is None else told(found, self.headers)

    def tokens(self) -> set[str]:
        """Tokens that are valid."""
        return {self.token}

    def find(self, path: str, asked: Asked) -> dict[str, Any] | None:
        """What is at a path; None for nothing."""
        raise NotImplementedError

    def listed(self, things: Sequence[dict[str, Any]], asked: Asked) -> dict[str, Any]:
        """One page of a list, newest first as given."""
        most = min(int(asked.query["limit"]), self.page_size)
        after = asked.query.get("after", "")
        start = 0
        if after:
            names = [str(one.get("id")) for one in things]
            start = int(after[1:]) if self.shifts else next((n + 1 for n, id_ in enumerate(names) if id_ == after), 0)
        page = things[start : start + most]
        if self.arrives is not None:
            self.arrives()
        if not page:
            return {"data": []}
        cursor = f"@{start + most}" if self.shifts else str(page[-1].get("id"))
        paging: dict[str, Any] = {"cursors": {"before": "x", "after": cursor}}
        if start + most < len(things):
            paging["next"] = f"{self.server.url}/next?access_token={self.token}&after={cursor}"
        return {"data": list(page), "paging": paging}

    def _debug_token(self, asked: Asked) -> Told:
        if asked.query.get("access_token") not in {f"{APP_ID}|{APP_SECRET}", self.token}:
            return error(190)
        valid = asked.query["input_token"] == self.token
        about = {
            "app_id": APP_ID, "type": "PAGE", "application": "Aurora listens", "expires_at": self.expires_at,
            "data_access_expires_at": self.data_access_expires_at, "is_valid": valid, "scopes": list(self.scopes),
        }  # fmt: skip
        return told({"data": about}, self.headers)
