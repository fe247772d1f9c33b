"""Errors as application/problem+json (RFC 9457): a sentence for a person, never a stack trace."""

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from domain.errors import ModelError, QueryError, StoreError, TocsinError

log = structlog.get_logger("tocsin.console")

MEDIA_TYPE = "application/problem+json"

_SENTENCES = {
    404: "There is nothing at this address; /schema/openapi.json lists what there is.",
    405: "This address does not take that method; /schema/openapi.json lists what there is.",
    413: "The body is too large; send it in smaller parts.",
}


class Busy(TocsinError):
    """Too much of something costly is asked for at once; it may be asked for again in a few seconds."""


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong with one request."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def described(sentences: dict[int, str]) -> dict[int, ResponseSpec]:
    """How the OpenAPI document describes a route's problems, by status."""
    return {
        status: ResponseSpec(Problem, description=said, media_type=MEDIA_TYPE) for status, said in sentences.items()
    }


READING = described(
    {
        400: "A parameter cannot be read; `detail` names it.",
        401: "The console's token is missing or wrong.",
        503: "The store cannot answer now.",
    }
)


def problem(status: int, detail: str, *, headers: dict[str, str] | None = None) -> Response[Problem]:
    """Answer with a problem."""
    content = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Turn whatever a handler raised into a problem; what nobody expected is logged, not shown."""
    match error:
        case ValidationException():
            return problem(HTTPStatus.BAD_REQUEST, _which_parameters(error))
        case HTTPException():
            return problem(error.status_code, _detail(error), headers=dict(error.headers or {}))
        case QueryError():
            return problem(HTTPStatus.BAD_REQUEST, f"query: {error}")
        case ModelError():
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        case StoreError() | Busy():
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": "5"})
    log.error("a request failed", method=request.method, path=request.url.path, error=type(error).__name__)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Tocsin could not answer this request; its log says why.")


def _detail(error: HTTPException) -> str:
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Tocsin could not answer this request."
    # The framework repeats the title where it has nothing to say; a person wants to know what to do.
    silent = error.detail == HTTPStatus(error.status_code).phrase
    return _SENTENCES.get(error.status_code, error.detail) if silent else error.detail


_PARAMETERS = {"text": "query"}
"""Handlers cannot call a parameter `query`: the framework keeps that name for itself."""


def _which_parameters(error: ValidationException) -> str:
    mistakes = error.extra if isinstance(error.extra, list) else []
    keys = [(m.get("key", "request"), m.get("message", "is not valid")) for m in mistakes if isinstance(m, dict)]
    return "; ".join(f"{_PARAMETERS.get(key, key)}: {message}" for key, message in keys) or error.detail
