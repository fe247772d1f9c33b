"""A Google Play that behaves like it: tokens for signed assertions, a week of reviews with the newest change first,
numbered pages that shift while they are read, one review asked for alone, and Google's own errors.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.kit.ingest import SECRET, Failure
from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server
from tests.networks.any_path import AnyPath

EMAIL = "tocsin@acme.iam.gserviceaccount.com"
WEEK = 7 * 86_400
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
API = "/androidpublisher/v3/applications/"


def error(status: int, reason: str, word: str, **headers: str) -> Told:
    """A refusal in Google's words."""
    told = {"code": status, "message": "no", "status": word, "errors": [{"reason": reason, "domain": "global"}]}
    return Told(status, json.dumps({"error": told}).encode(), headers)


FAILURES: dict[Failure, Told] = {
    "busy": error(429, "rateLimitExceeded", "RESOURCE_EXHAUSTED", **{"retry-after": "7"}),
    "down": error(500, "backendError", "INTERNAL"),
    "garbage": Told(200, b'{"reviews": {"no": "list"}}'),
    "flaky": error(503, "backendError", "UNAVAILABLE"),
    "revoked": error(401, "authError", "UNAUTHENTICATED"),
    "huge": Told(200, b" " * 11_000_000),
}


@lru_cache
def key_file(token_uri: str = "") -> str:
    """The JSON file of a service account; its key is the same for all tests of a process."""
    pem = _key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    told = {"type": "service_account", "client_email": EMAIL, "private_key_id": SECRET, "private_key": pem.decode()}
    return json.dumps({**told, "token_uri": token_uri})


@lru_cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def moment(at: float) -> dict[str, Any]:
    """A time as Google writes it: the seconds are text."""
    return {"seconds": str(int(at)), "nanos": 0}


def review(native_id: str, at: float, text: str, *, stars: int = 1, **other: Any) -> dict[str, Any]:
    """A review as the interface tells it."""
    return {
        "reviewId": native_id,
        "authorName": "Inna",
        "comments": [
            {
                "userComment": {
                    "text": text, "lastModified": moment(at), "starRating": stars, "reviewerLanguage": "ru",
                    "device": "device", "androidOsVersion": 34, "appVersionCode": 7, "appVersionName": "1.7",
                    "thumbsUpCount": 2, "thumbsDownCount": 0, **other,
                }
            }
        ],
    }  # fmt: skip


@dataclass
class GooglePlayServer:
    """The reviews of some apps. What is changed through the methods is changed for the next question."""

    server: ScriptedServer
    clock: Callable[[], datetime]
    apps: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    arriving: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Reviews that are written between two pages, one a page."""
    page: int = 100
    lifetime: int = 3_600
    tokens: dict[str, float] = field(default_factory=dict)
    given: list[tuple[str, Any]] = field(default_factory=list)
    """Path and answer of every question that was answered well."""

    def find(self, native_id: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """An app's reviews, and one of them."""
        wanted = native_id.removesuffix("_reply")
        return next((app, one) for app in self.apps.values() for one in app if one["reviewId"] == wanted)

    def edit(self, native_id: str, text: str = "Aurora Air, edited") -> None:
        """Another text; of the brand's reply, if that is named."""
        _, one = self.find(native_id)
        part = "developerComment" if native_id.endswith("_reply") else "userComment"
        for comment in one["comments"]:
            if part in comment:
                comment[part] |= {"text": text, "lastModified": moment(self.clock().timestamp())}

    def delete(self, native_id: str) -> None:
        """Gone; with its reply, or the reply alone."""
        app, one = self.find(native_id)
        if native_id.endswith("_reply"):
            one["comments"] = [comment for comment in one["comments"] if "userComment" in comment]
        else:
            app.remove(one)

    def reply(self, native_id: str, text: str, at: float | None = None) -> None:
        """Write the brand's reply."""
        _, one = self.find(native_id)
        told = {"text": text, "lastModified": moment(at or self.clock().timestamp())}
        one["comments"].append({"developerComment": told})

    def answer(self, asked: Asked) -> Told:
        """Answer any question."""
        if asked.path == "/token":
            return self._token(asked)
        if self.tokens.get(asked.headers.get("authorization", ""), 0) <= self.clock().timestamp():
            return error(401, "authError", "UNAUTHENTICATED")
        package, _, rest = asked.path.removeprefix(API).partition("/reviews")
        if package in self.refused:
            return error(403, "permissionDenied", "PERMISSION_DENIED")
        if package not in self.apps:
            return error(404, "applicationNotFound", "NOT_FOUND")
        told = self._list(package, asked) if not rest else self._one(package, unquote(rest[1:]))
        if told is None:
            return error(404 if rest else 400, "notFound" if rest else "invalidValue", "NO")
        self.given.append((asked.path, told))
        return Told(body=json.dumps(told).encode())

    def _list(self, package: str, asked: Asked) -> dict[str, Any] | None:
        token = asked.query.get("token", "0")
        if not token.isdigit():
            return None
        if token != "0" and self.arriving:
            into, fresh = self.arriving.pop(0)
            self.apps[into].append(fresh)
        since = self.clock().timestamp() - WEEK
        recent = (one for one in self.apps[package] if _changed(one, since) >= since)
        shown = sorted(recent, key=lambda one: -_changed(one, since))
        size, start = min(self.page, int(asked.query.get("maxResults", "10"))), int(token)
        told: dict[str, Any] = {"reviews": shown[start : start + size]} if shown else {}
        if start + size < len(shown):
            told["tokenPagination"] = {"nextPageToken": str(start + size)}
        return told

    def _one(self, package: str, native_id: str) -> dict[str, Any] | None:
        return next((one for one in self.apps[package] if one.get("reviewId") == native_id), None)

    def _token(self, asked: Asked) -> Told:
        form = {name: texts[0] for name, texts in parse_qs(asked.body.decode()).items()}
        try:
            claims = jwt.decode(
                form["assertion"],
                _key().public_key(),
                algorithms=["RS256"],
                audience=self.server.at("/token"),
                options={"verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, KeyError):
            return Told(400, b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}')
        now = self.clock().timestamp()
        timely = claims["iat"] <= now < claims["exp"] <= now + 3_600
        if not timely or (claims["iss"], claims["scope"], form.get("grant_type")) != (EMAIL, SCOPE, GRANT):
            return Told(400, b'{"error": "invalid_grant"}')
        token = f"ya29.{SECRET}.{len(self.tokens)}"
        self.tokens[f"Bearer {token}"] = now + self.lifetime
        told = {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}
        return Told(body=json.dumps(told).encode())


def _changed(one: dict[str, Any], otherwise: float) -> float:
    try:
        return float(one["comments"][0]["userComment"]["lastModified"]["seconds"])
    except (KeyError, IndexError, TypeError, ValueError):
        return otherwise


@asynccontextmanager
async def google_play(clock: Callable[[], datetime]) -> AsyncIterator[GooglePlayServer]:
    """Serve until the block ends."""
    async with scripted_server() as server:
        play = GooglePlayServer(server, clock)
        server.answers = AnyPath(play.answer)
        yield play
