"""POST /api/v1/acts: what people do to mentions."""

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Request, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from console.api.ask import Clock
from console.ports import Desk
from console.problem import described
from domain.act import Correct
from domain.correction import correction
from domain.ids import stable_id
from domain.mention import Mention

LARGEST_BODY = 10_000


class Correction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="act", tag="correct"):
    """A person's labels for a mention. `confirm` says that the model's other labels are right.

    A caller that gives the act an `id` of its own may send it again without doing it twice. `wording`, from an act
    that was kept, makes sure that the person judges the text as it stands now.
    """

    mention: str
    by: str
    sentiment: str = ""
    urgency: str = ""
    theme: str = ""
    confirm: bool = False
    id: Annotated[str, Meta(max_length=64)] = ""
    wording: str = ""


class Done(Struct, frozen=True, kw_only=True):
    """The act, and the mention as it stands now."""

    act: Correct
    mention: Mention


def handlers(desk: Desk, clock: Clock) -> list[HTTPRouteHandler]:
    """The route by which people act."""

    @post(
        "/api/v1/acts",
        sync_to_thread=True,
        before_request=_only_json,
        request_max_body_size=LARGEST_BODY,
        summary="Correct or confirm what the model said of a mention",
        operation_id="act",
        responses=described(
            {
                400: "The act cannot be: `detail` says which label or name is wrong.",
                401: "The console's token is missing or wrong.",
                404: "There is no such mention.",
                409: "The text was edited since: read it again.",
                413: f"The body is larger than {LARGEST_BODY} bytes.",
                415: "The body is not JSON.",
                503: "The store cannot take it now.",
            }
        ),
    )
    def act(data: JSONBody[Correction]) -> Done:
        mention = desk.mention(data.mention)
        if mention is None:
            raise NotFoundException("There is no mention with this id.")
        labels = {"sentiment": data.sentiment, "urgency": data.urgency, "theme": data.theme}
        # The caller's id is unique only among its own: with other labels or for another mention it is another act.
        own = data.id and stable_id(data.id, mention.id, data.by, *labels.values(), str(data.confirm))
        try:
            kept = correction(mention, by=data.by, at=clock(), labels=labels, confirm=data.confirm, act_id=own)
        except ValueError as mistake:
            raise HTTPException(status_code=HTTPStatus.BAD_REQUEST, detail=str(mistake)) from None
        if data.wording not in {"", kept.wording}:
            raise HTTPException(
                status_code=HTTPStatus.CONFLICT, detail="The text was edited since it was read: judge it anew."
            )
        desk.keep(kept)
        return Done(act=kept, mention=desk.mention(mention.id) or mention)

    return [act]


async def _only_json(request: Request[Any, Any, Any]) -> None:
    """Refuse what a form on a stranger's page could send: browsers ask before they send JSON to another site."""
    if request.content_type[0] != "application/json":
        raise HTTPException(
            status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail="Send JSON, with Content-Type: application/json."
        )
    if request.headers.get("content-length") == "0":
        raise HTTPException(status_code=HTTPStatus.BAD_REQUEST, detail="The body is empty: send the act as JSON.")
