"""Gives a person's act to the `tocsin run` that has the database to itself, over its own HTTP side."""

from http.client import HTTPConnection, HTTPException
from http.client import HTTPResponse as Answer
from ipaddress import ip_address
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from domain.act import Correct
from domain.errors import StoreBusy, TocsinError
from domain.mention import Mention

if TYPE_CHECKING:
    from tocsin.config.models import ConsoleConfig

PATH = "/api/v1/acts"
PATIENCE = 20.0
"""Seconds that the running process gets to answer."""

_CREATED = 201


class _Done(Struct):
    mention: Mention


class _Problem(Struct):
    detail: str


def give(act: Correct, console: "ConsoleConfig", busy: StoreBusy) -> Mention:
    """Hand the act over; return the mention as it stands then.

    `busy` is why the database cannot be written here. Raises TocsinError with the remedy when nobody answers there,
    or with the answer when the act is refused. Spoken to directly, never through a proxy: this is the same machine.
    """
    if console.port == 0:
        raise TocsinError(
            f"{busy}; or POST the correction to {PATH} at the address that it printed when it started: "
            "with [console] port = 0 that is not known here"
        )
    host = reachable(console.host)
    connection = HTTPConnection(host, console.port, timeout=PATIENCE)
    headers = {"content-type": "application/json", "accept": "application/json"}
    if console.token:
        headers["authorization"] = f"Bearer {console.token.get_secret_value()}"
    try:
        connection.request("POST", PATH, _body(act), headers)
        answer = connection.getresponse()
        return _mention(answer, answer.read())
    except (OSError, HTTPException) as failure:
        raise TocsinError(
            f"{busy}. Nor could the correction be given to it: {host} port {console.port} does not answer "
            f"({failure}); is [console] the one it runs with?"
        ) from None
    finally:
        connection.close()


def reachable(host: str) -> str:
    """Where this machine finds what listens on `host`: loopback for an address that stands for all of them."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004  # the versions of IP are 4 and 6


def _body(act: Correct) -> bytes:
    said = {"act": "correct", "id": act.id, "mention": act.mention, "wording": act.wording, "by": act.by}
    return msgspec.json.encode(said | act.labels)


def _mention(answer: Answer, body: bytes) -> Mention:
    try:
        if answer.status == _CREATED:
            return msgspec.json.decode(body, type=_Done).mention
        said = msgspec.json.decode(body, type=_Problem).detail
    except msgspec.DecodeError:
        said = "that is not the HTTP side of a tocsin; is [console] right?"
    raise TocsinError(f"the running tocsin did not take the correction ({answer.status}): {said}")
