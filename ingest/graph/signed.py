"""Webhooks of Meta: the signature over the raw bytes, and the question it asks before it sends anything."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from ingest.deliveries import Answer, problem

_HEADER, _PREFIX = "x-hub-signature-256", "sha256="


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether `body` carries the app's signature; `headers` have lower-case names."""
    given = headers.get(_HEADER, "")
    expected = _PREFIX + hmac.new(secret.encode(), body, sha256).hexdigest()
    return hmac.compare_digest(given.encode(), expected.encode())


def proof(secret: str, token: str) -> str:
    """Return the `appsecret_proof` that shows that a token is used by the app it was made for."""
    return hmac.new(secret.encode(), token.encode(), sha256).hexdigest()


def challenge(query: Mapping[str, str], verify_token: str) -> Answer:
    """Give `hub.challenge` back as plain text to whoever knows the token; 403 to anyone else."""
    given = query.get("hub.verify_token", "")
    known = hmac.compare_digest(given.encode("utf-8", "replace"), verify_token.encode())
    if query.get("hub.mode") != "subscribe" or not known:
        return problem(403, "the verify token is not ours")
    headers = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
    return 200, headers, query.get("hub.challenge", "").encode("utf-8", "replace")
