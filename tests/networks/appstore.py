"""An App Store that behaves like it: the public feed with its odd shapes, and App Store Connect with its keys."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.kit.ingest import SECRET, Failure
from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server
from tests.networks.any_path import AnyPath

KEY_ID, ISSUER = "2X9R4HXF34", "57246542-96fe-1a63-e053-0824d011072a"
PACIFIC = timezone(timedelta(hours=-8))

_FEED = re.compile(r"/([a-z]{2})/rss/customerreviews/page=(\d+)/id=(\d+)/sortby=mostrecent/json")
_LIST = re.compile(r"/v1/apps/(\d+)/customerReviews")
_ONE = re.compile(r"/v1/customerReviews/([^/]+)")


def error(status: int, code: str, **headers: str) -> Told:
    """A refusal in the words of App Store Connect."""
    told = {"id": "7f1", "status": str(status), "code": code, "title": "No.", "detail": "No."}
    return Told(status, json.dumps({"errors": [told]}).encode(), headers)


FAILURES: dict[Failure, Told] = {
    "busy": error(429, "RATE_LIMIT_EXCEEDED", **{"retry-after": "7"}),
    "down": error(500, "UNEXPECTED_ERROR"),
    "garbage": Told(200, b'{"feed": "none", "data": {"no": "list"}}'),
    "flaky": error(503, "SERVICE_UNAVAILABLE"),
    "revoked": error(401, "NOT_AUTHORIZED"),
    "huge": Told(200, b" " * 11_000_000),
}


@lru_cache
def key() -> str:
    """The content of a .p8 file, the same for all tests of a process; behind the key stands a mark to look for."""
    pem = _key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode() + SECRET


@lru_cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Review:
    """A review, however it is told."""

    id: str
    at: float
    body: str = "It crashed at the gate"
    title: str = "Late"
    stars: int = 1
    country: str = "us"
    response: str = ""
    responded: float = 0.0
    broken: dict[str, Any] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """As the feed tells it."""
        author = {"uri": {"label": "https://itunes.apple.com/us/reviews/id1"}, "name": {"label": "Inna"}, "label": ""}
        return {
            "author": author,
            "updated": {"label": _time(self.at)}, "im:rating": {"label": str(self.stars)},
            "im:version": {"label": "1.7"}, "id": {"label": self.id}, "title": {"label": self.title},
            "content": {"label": self.body, "attributes": {"type": "text"}}, "im:voteSum": {"label": "0"},
            "im:voteCount": {"label": "2"}, **self.broken,
        }  # fmt: skip

    def resource(self, *, linked: bool) -> dict[str, Any]:
        """As App Store Connect tells it; `linked` says whether it names its response."""
        attributes = {
            "rating": self.stars, "title": self.title, "body": self.body, "reviewerNickname": "Inna",
            "createdDate": _time(self.at), "territory": "USA", **self.broken,
        }  # fmt: skip
        related: dict[str, Any] = {"links": {"related": "https://example.org"}}
        if linked and self.response:
            related["data"] = {"type": "customerReviewResponses", "id": f"r-{self.id}"}
        tied = {"response": related}
        return {"type": "customerReviews", "id": self.id, "attributes": attributes, "relationships": tied}

    def response_resource(self, *, linked: bool) -> dict[str, Any]:
        """The brand's response; `linked` says whether it names its review."""
        related = {"review": {"data": {"type": "customerReviews", "id": self.id}}} if linked else {}
        attributes = {
            "responseBody": self.response, "lastModifiedDate": _time(self.responded), "state": "PUBLISHED",
        }  # fmt: skip
        kind = "customerReviewResponses"
        return {"type": kind, "id": f"r-{self.id}", "attributes": attributes, "relationships": related}


@dataclass
class AppStoreServer:
    """The reviews of some apps, by number."""

    server: ScriptedServer
    clock: Callable[[], datetime]
    apps: dict[str, list[Review]] = field(default_factory=dict)
    arriving: list[tuple[str, Review]] = field(default_factory=list)
    """Reviews that are written between two pages, one a page."""
    refused: set[str] = field(default_factory=set)
    page: int = 50
    with_app: bool = False
    stale: bool = False
    linked_from_review: bool = True
    hour: int = 3_600
    used: int = 0
    now: Callable[[], float] = field(init=False)

    def __post_init__(self) -> None:
        self.now = lambda: self.clock().timestamp()

    def find(self, native_id: str) -> Review:
        """One review."""
        return next(one for app in self.apps.values() for one in app if one.id == native_id.removesuffix("_reply"))

    def edit(self, native_id: str, text: str = "Aurora Air, edited") -> None:
        """Another text; of the response, if that is named."""
        one = self.find(native_id)
        if native_id.endswith("_reply"):
            one.response, one.responded = text, self.now()
        else:
            one.body = text

    def delete(self, native_id: str) -> None:
        """Gone; with its response, or the response alone."""
        if native_id.endswith("_reply"):
            self.find(native_id).response = ""
            return
        for app in self.apps.values():
            app[:] = [one for one in app if one.id != native_id]

    def answer(self, asked: Asked) -> Told:
        """Answer any question."""
        if found := _FEED.fullmatch(asked.path):
            return self._feed(found[1], int(found[2]), found[3])
        if (told := self._refusal(asked)) is not None:
            return told
        self.used += 1
        if found := _LIST.fullmatch(asked.path):
            return self._list(found[1], asked)
        found = _ONE.fullmatch(asked.path)
        one = next((one for app in self.apps.values() for one in app if found and one.id == found[1]), None)
        return self._well({"data": one.resource(linked=False)}) if one else error(404, "NOT_FOUND")

    def _feed(self, country: str, page: int, app: str) -> Told:
        if page > 10:
            return Told(400, b"CustomerReviews RSS page depth is limited to 10")
        if app not in self.apps:
            return Told(404, b"no such app")
        self._arrive(later=page > 1)
        shown = sorted((one for one in self.apps[app] if one.country == country), key=lambda one: -one.at)
        entries = [one.entry() for one in shown[(page - 1) * self.page : page * self.page]]
        if self.with_app and page == 1:
            entries.insert(0, {"im:name": {"label": "Aurora Air"}, "id": {"label": "https://apps.apple.com/app"}})
        feed: dict[str, Any] = {
            "author": {"name": {"label": "iTunes Store"}},
            "updated": {"label": _time(self.now())},
        }
        if entries and not self.stale:
            feed["entry"] = entries if len(entries) > 1 else entries[0]
        return Told(body=json.dumps({"feed": feed}).encode())

    def _refusal(self, asked: Asked) -> Told | None:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        try:
            claims = jwt.decode(
                token,
                _key().public_key(),
                algorithms=["ES256"],
                audience="appstoreconnect-v1",
                options={"verify_exp": False, "verify_iat": False},
            )
            named = cast("str", jwt.get_unverified_header(token)["kid"])
        except (jwt.PyJWTError, KeyError):
            return error(401, "NOT_AUTHORIZED")
        timely = claims["iat"] <= self.now() < claims["exp"] <= claims["iat"] + 1_200
        if scheme != "Bearer" or named != KEY_ID or claims["iss"] != ISSUER or not timely:
            return error(401, "NOT_AUTHORIZED")
        return error(429, "RATE_LIMIT_EXCEEDED") if self.used >= self.hour else None

    def _list(self, app: str, asked: Asked) -> Told:
        if app in self.refused:
            return error(403, "FORBIDDEN_ERROR")
        if app not in self.apps:
            return error(404, "NOT_FOUND")
        cursor = asked.query.get("cursor", "0")
        if not cursor.isdigit():
            return error(400, "PARAMETER_ERROR.INVALID")
        self._arrive(later=cursor != "0")
        start, size = int(cursor), min(self.page, int(asked.query.get("limit", "50")))
        shown = sorted(self.apps[app], key=lambda one: -one.at)
        some = shown[start : start + size]
        told: dict[str, Any] = {"data": [one.resource(linked=self.linked_from_review) for one in some]}
        if asked.query.get("include") == "response":
            linked = not self.linked_from_review
            told["included"] = [one.response_resource(linked=linked) for one in some if one.response]
        told["links"] = {"self": self.server.at(asked.path)}
        if start + size < len(shown):
            kept = f"limit={size}&sort=-createdDate&include=response"
            told["links"]["next"] = f"https://elsewhere.example{asked.path}?cursor={start + size}&{kept}"
        return self._well(told)

    def _well(self, told: dict[str, Any]) -> Told:
        limits = f"user-hour-lim:{self.hour};user-hour-rem:{max(self.hour - self.used, 0)};"
        return Told(body=json.dumps(told).encode(), headers={"x-rate-limit": limits})

    def _arrive(self, *, later: bool) -> None:
        if later and self.arriving:
            into, fresh = self.arriving.pop(0)
            self.apps[into].append(fresh)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(PACIFIC).isoformat()


@asynccontextmanager
async def app_store(clock: Callable[[], datetime]) -> AsyncIterator[AppStoreServer]:
    """Serve until the block ends."""
    async with scripted_server() as server:
        store = AppStoreServer(server, clock)
        server.answers = AnyPath(store.answer)
        yield store
