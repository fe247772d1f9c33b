"""The one module that imports `elasticsearch`: connects, asks, and turns faults into orders to the runtime.

Bodies and answers are bytes, so that each caller encodes and decodes exactly what it needs.
"""

import ssl
from collections.abc import Mapping
from logging import ERROR, getLogger
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import msgspec
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError
from elasticsearch.serializer import Serializer
from msgspec import Struct

from domain.errors import StoreError, StoreUnavailable

# What it says of a lost connection, with a traceback each time, the errors below say in a sentence.
getLogger("elastic_transport").setLevel(ERROR)

_TIMEOUT = 30.0
_CONNECTIONS = 10
_JSON = {"content-type": "application/json", "accept": "application/json"}
_LINES = {"content-type": "application/x-ndjson", "accept": "application/json"}
_REFUSED = 401, 403
_BUSY = 429
_FAULTS = 500
_MISSING_SHARDS = b"missing shards"
ABSENT_INDEX = "index_not_found_exception"
_SAID = 300
"""Characters of the server's own words that an error quotes."""


class NotStarted(StoreUnavailable):
    """An index is there and cannot be read yet: somebody makes it at this moment, or the server has just started."""


class Settings(Struct, frozen=True, kw_only=True):
    """Where Elasticsearch is and what Tocsin may use of it; secrets never show.

    `prefix` begins the name of every index. `replicas` are copies beside the first. `keep_months` counts whole months
    of mentions that are kept, 0 keeps all.
    """

    urls: tuple[str, ...]
    api_key: str = ""
    username: str = ""
    password: str = ""
    ca_file: str = ""
    prefix: str = "tocsin-"
    replicas: int = 1
    keep_months: int = 0

    @property
    def place(self) -> str:
        """The hosts, for a person; without names and passwords that may stand in the URLs."""
        return ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in self.urls)

    def __repr__(self) -> str:
        shown = f"urls={self.place!r}, username={self.username!r}, prefix={self.prefix!r}"
        return f"Settings({shown}, replicas={self.replicas}, keep_months={self.keep_months})"


class Answer(Struct, frozen=True):
    """What the server said; `status` is an HTTP status below 400, or one that the caller asked to see."""

    status: int
    body: bytes


class _Bytes(Serializer):
    """Lets bytes through: encoding and decoding is the callers' own."""

    def loads(self, data: bytes) -> bytes:
        return data

    def dumps(self, data: bytes) -> bytes:
        return data


class Cluster:
    """One Elasticsearch cluster, usable from any thread. Every call blocks; nothing is asked before the first one.

    Raises StoreError for settings that no client can be made of.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        kinds = "application/json", "application/vnd.elasticsearch+json", "application/vnd.elasticsearch+x-ndjson"
        try:
            self._client = Elasticsearch(
                list(settings.urls),
                **_credentials(settings),
                request_timeout=_TIMEOUT,
                connections_per_node=_CONNECTIONS,
                # A lost connection is tried on another node; an answer is the caller's to judge.
                max_retries=2,
                retry_on_timeout=False,
                retry_on_status=(),
                serializers=dict.fromkeys(kinds, _Bytes()),
            )
        except ValueError as error:
            raise StoreError(f"[storage] cannot be used to reach Elasticsearch: {error}") from error

    def __repr__(self) -> str:
        return f"Cluster({self.settings!r})"

    def name(self, index: str) -> str:
        """The full name of one of Tocsin's indices."""
        return self.settings.prefix + index

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] = MappingProxyType({}),
        also: tuple[int, ...] = (),
    ) -> Answer:
        """Send a request; `body` is encoded as JSON unless it is bytes, and bytes are lines for a bulk.

        Statuses from 400 on are errors unless they are in `also`. Raises StoreUnavailable for what may pass (no
        connection, too busy, no rights yet) and StoreError for a request that the server will never take.
        """
        lines = isinstance(body, bytes)
        encoded = body if lines or body is None else msgspec.json.encode(body)
        try:
            found = self._client.perform_request(
                method, path, params=params, headers=_LINES if lines else _JSON, body=encoded
            )
        except ApiError as error:
            said = error.body if isinstance(error.body, bytes) else str(error.body or "").encode()
            if error.status_code in also:
                return Answer(error.status_code, said)
            raise self._fault(error.status_code, said) from error
        except (TransportError, UnsupportedProductError) as error:
            raise StoreUnavailable(f"Elasticsearch at {self.settings.place}: {_unreachable(error)}") from error
        said = found.body
        return Answer(found.meta.status, said if isinstance(said, bytes) else str(said).encode())

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _fault(self, status: int, said: bytes) -> StoreError:
        words = f"{status}, {reason_of(said)}"
        place = f"Elasticsearch at {self.settings.place}"
        if status in _REFUSED:
            return StoreUnavailable(
                f"{place} refuses these credentials: look at [storage] and at their rights ({words})"
            )
        if status == _BUSY:
            return StoreUnavailable(f"{place} is too busy ({words})")
        if status >= _FAULTS:
            if _MISSING_SHARDS in said:
                return NotStarted(f"{place} cannot search all of it now ({words})")
            return StoreUnavailable(f"{place} cannot answer now ({words})")
        return StoreError(f"{place} does not take the request ({words})")


class Cause(Struct, frozen=True):
    """A fault as the server names it: `type` is its short word, `reason` its sentence."""

    type: str = ""
    reason: str | None = ""


class _Failure(Struct):
    error: Cause | str = ""


_FAILURE = msgspec.json.Decoder(_Failure)


def reason_of(body: bytes) -> str:
    """What went wrong in the server's own words, short."""
    try:
        error = _FAILURE.decode(body).error
    except msgspec.DecodeError:
        return body[:_SAID].decode("utf-8", "replace")
    return (error if isinstance(error, str) else f"{error.type}: {error.reason}")[:_SAID]


def _credentials(settings: Settings) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if settings.api_key:
        given["api_key"] = settings.api_key
    elif settings.username:
        given["basic_auth"] = (settings.username, settings.password)
    if settings.ca_file:
        try:
            given["ssl_context"] = ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            raise StoreError(
                f"[storage] ca_file {settings.ca_file} cannot be read as certificates: {error}"
            ) from error
    return given


def _unreachable(error: Exception) -> str:
    if isinstance(error, TlsError):
        return f"its certificate is not trusted: give [storage] ca_file ({error})"
    if isinstance(error, ConnectionTimeout):
        return f"no answer within {_TIMEOUT:.0f} s"
    if isinstance(error, UnsupportedProductError):
        return "what answers there is not Elasticsearch"
    return f"it cannot be reached: work goes on when it is back ({type(error).__name__})"
