"""WebSub (W3C): who tells of a feed's news, how to ask for it, and how to know that it was asked for.

What must be known again is made from one secret: what a hub signs with, by feed; and a proof in the address that it
calls, by feed and topic. So any process can answer a hub, whichever of them has asked.
"""

import hmac
import re
from hashlib import sha256
from urllib.parse import quote, urlencode

from domain.ids import stable_id
from ingest.addresses import link_from
from ingest.http import Answer
from ingest.rss.entry import Feed

_DIGESTS = frozenset({"sha1", "sha256", "sha384", "sha512"})
_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def key_of(feed: str) -> str:
    """The name of a feed in cursors and addresses, by its configured address."""
    return stable_id(feed)[:16]


def discover(answer: Answer, feed: Feed) -> tuple[str, str]:
    """Find hub and topic: in the `Link` headers, else in the feed. Empty where one of them is missing."""
    links = linked(answer.headers.get("link", ""))
    hub = link_from(answer.url, links.get("hub") or feed.hub)
    topic = link_from(answer.url, links.get("self") or feed.itself)
    return (hub, topic) if hub and topic else ("", "")


def linked(header: str) -> dict[str, str]:
    """Read a `Link` header: the first address of each relation."""
    found: dict[str, str] = {}
    for address, parameters in _LINK.findall(header):
        for quoted, bare in _REL.findall(parameters)[:1]:
            for rel in (quoted or bare).lower().split():
                found.setdefault(rel, address.strip())
    return found


def secret_of(secret: str, feed: str) -> str:
    """What hubs sign the news of this feed with."""
    return _made(secret, "signs", key_of(feed))


def callback(public_url: str, name: str, secret: str, *, feed: str, topic: str) -> str:
    """The address that the hub of a feed of the source `name` is to call."""
    proof = _made(secret, "asked", key_of(feed), topic)
    query = urlencode({"feed": key_of(feed), "proof": proof})
    return f"{public_url.rstrip('/')}/webhooks/{quote(name, safe='')}?{query}"


def was_asked(secret: str, *, feed: str, topic: str, proof: str) -> bool:
    """Whether we asked for this topic of this feed."""
    expected = _made(secret, "asked", key_of(feed), topic)
    return hmac.compare_digest(expected.encode(), proof.encode("utf-8", "replace"))


def is_signed(signature: str, body: bytes, secret: str) -> bool:
    """Whether `x-hub-signature` (`METHOD=hex`) is that of the body."""
    method, _, given = signature.strip().partition("=")
    if method.lower() not in _DIGESTS:
        return False
    expected = hmac.new(secret.encode(), body, method.lower()).hexdigest()
    return hmac.compare_digest(expected.encode(), given.strip().lower().encode("utf-8", "replace"))


def _made(secret: str, *parts: str) -> str:
    return hmac.new(secret.encode(), "\0".join(parts).encode("utf-8", "replace"), sha256).hexdigest()
