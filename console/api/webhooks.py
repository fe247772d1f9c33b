"""/webhooks/{source}: the raw body goes to the source, which verifies, queues and answers.

A network may ask first, by GET, whether the address is really ours.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from console.ports import Challenged, Inbox
from console.problem import described

LARGEST_BODY = 1_000_000
SLOWEST_BODY = 20.0
"""Seconds in which the whole body must have come."""

SourceName = Annotated[str, PathParameter(max_length=200, description="The name of a configured webhook source.")]


def handlers(webhooks: Mapping[str, Inbox]) -> list[HTTPRouteHandler]:
    """The routes by which others bring posts."""

    @post(
        "/webhooks/{source:str}",
        status_code=202,
        request_max_body_size=LARGEST_BODY,
        summary="Bring posts to a webhook source",
        operation_id="webhook",
        responses=described(
            {
                400: "The body cannot be read.",
                401: "The signature is missing or wrong.",
                404: "There is no such webhook source.",
                413: f"The body is larger than {LARGEST_BODY} bytes.",
            }
        ),
    )
    async def webhook(source: SourceName, request: Request[Any, Any, Any]) -> Response[bytes]:
        inbox = webhooks.get(source)
        if inbox is None:
            raise NotFoundException("There is no webhook source with this name.")
        try:
            async with asyncio.timeout(SLOWEST_BODY):
                body = await request.body()
        except TimeoutError:
            raise HTTPException(status_code=408, detail="The body did not come in time.") from None
        return _response(*await inbox.receive(dict(request.headers), body))

    @get(
        "/webhooks/{source:str}",
        summary="Let a network make sure that the address is ours",
        operation_id="webhook-challenge",
        responses=described({403: "The token is not ours.", 404: "No such source is asked so."}),
    )
    async def challenge(source: SourceName, request: Request[Any, Any, Any]) -> Response[bytes]:
        inbox: object = webhooks.get(source)
        if not isinstance(inbox, Challenged):
            raise NotFoundException("There is no source with this name that a network asks first.")
        return _response(*inbox.challenge(dict(request.query_params)))

    return [webhook, challenge]


def _response(status: int, headers: Mapping[str, str], answer: bytes) -> Response[bytes]:
    named = {name.lower(): value for name, value in headers.items()}
    media_type = named.pop("content-type", "application/json")
    return Response(answer, status_code=status, headers=named, media_type=media_type)
