"""Who sent this? Three ways of signing raw bytes with a shared secret, compared in constant time."""

import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from standardwebhooks import Webhook

SHORTEST_KEY = 16
TOLERANCE = 300
"""Seconds that a signed time may lie from ours."""


_PREFIX = "whsec_"


class Unsigned(Exception):
    """The signature is missing, wrong or too old; the text may be told to the caller."""


class Key:
    """One shared secret: base64 after `whsec_`, else any text. Raises ValueError for one that is short or broken."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        key = self._secret
        if secret.startswith(_PREFIX):
            try:
                key = b64decode(secret.removeprefix(_PREFIX), validate=True)
            except ValueError as error:
                raise ValueError(f"a secret that starts with {_PREFIX} must go on in base64") from error
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"must have at least {SHORTEST_KEY} bytes: openssl rand -base64 32")
        self._standard = Webhook(key)

    def hmac(self, signed: bytes) -> str:
        """Return hex(hmac_sha256(secret, signed))."""
        return hmac.new(self._secret, signed, sha256).hexdigest()

    def standard(self, delivery: str, at: int, body: str) -> str:
        """Return the Standard Webhooks signature, `v1,BASE64`."""
        return self._standard.sign(delivery, datetime.fromtimestamp(at, UTC), body)


def verify(headers: Mapping[str, str], body: bytes, keys: Sequence[Key], now: datetime) -> str:
    """Return the id of the delivery; raises Unsigned. `headers` have lower-case names.

    Accepted: `webhook-id/-timestamp/-signature` (Standard Webhooks), `x-tocsin-timestamp` with `x-tocsin-signature`
    (v1=hex of hmac over `v1:TIME:BODY`), and `x-hub-signature-256` (sha256=hex of hmac over the body, no time).
    """
    if "webhook-signature" in headers:
        return _verify_standard(headers, body, keys, now)
    given_id = headers.get("idempotency-key") or headers.get("x-github-delivery") or sha256(body).hexdigest()
    if "x-tocsin-signature" in headers:
        at = _signed_time(headers.get("x-tocsin-timestamp", ""), now)
        _compare(
            [part.removeprefix("v1=") for part in headers["x-tocsin-signature"].replace(",", " ").split()],
            [key.hmac(b"v1:%d:" % at + body) for key in keys],
        )
        return given_id
    if "x-hub-signature-256" in headers:
        _compare([headers["x-hub-signature-256"].removeprefix("sha256=")], [key.hmac(body) for key in keys])
        return given_id
    raise Unsigned("no signature: sign with webhook-signature, x-tocsin-signature or x-hub-signature-256")


def _verify_standard(headers: Mapping[str, str], body: bytes, keys: Sequence[Key], now: datetime) -> str:
    delivery = headers.get("webhook-id", "")
    if not delivery:
        raise Unsigned("webhook-id is missing")
    at = _signed_time(headers.get("webhook-timestamp", ""), now)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Unsigned("the body is not UTF-8") from None
    _compare(headers["webhook-signature"].split(), [key.standard(delivery, at, text) for key in keys])
    return delivery


def _signed_time(text: str, now: datetime) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len("10000000000")):
        raise Unsigned("the timestamp is missing or no unix time in seconds")
    at = int(text)
    if abs(now.timestamp() - at) > TOLERANCE:
        raise Unsigned(f"the timestamp is more than {TOLERANCE} seconds from now; check the sender's clock")
    return at


def _compare(given: Sequence[str], expected: Sequence[str]) -> None:
    matches = [hmac.compare_digest(one.encode(), other.encode()) for one in given[:10] for other in expected]
    if not any(matches):
        raise Unsigned("the signature does not match the body and the secret")
