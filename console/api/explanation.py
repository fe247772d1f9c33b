"""GET /api/v1/mentions/{id}/explanation: which words weighed most in the judgement of one mention."""

import asyncio
from typing import Annotated

from litestar import get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from console.ports import Explain, Reader
from console.problem import Busy, described
from domain.errors import ModelError
from domain.explanation import Explanation

MOST_WAITING = 8
"""Explanations asked for while one is being made; each asks the model some two hundred times."""

MentionId = Annotated[str, PathParameter(max_length=64, description="The mention's id, 32 hexadecimal characters.")]


class _Turns:
    """One explanation at a time, so that the pipeline keeps the processor; few wait, and in no thread."""

    def __init__(self) -> None:
        self.waiting = 0
        self._one = asyncio.Semaphore(1)

    async def made(self, explain: Explain, reader: Reader, mention_id: str) -> Explanation | None:
        """Wait for the turn and explain in a thread; None where there is no such mention."""
        self.waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(_made, explain, reader, mention_id)
        finally:
            self.waiting -= 1


def handlers(reader: Reader, explain: Explain | None) -> list[HTTPRouteHandler]:
    """The route that explains, which says so when this process has no model to ask."""
    turns = _Turns()

    @get(
        "/api/v1/mentions/{mention_id:str}/explanation",
        summary="The words that weighed most in a mention's judgement",
        operation_id="explanation",
        responses=described(
            {
                401: "The console's token is missing or wrong.",
                404: "There is no such mention.",
                503: "There is no model to ask, or too many ask at once.",
            }
        ),
    )
    async def explanation(mention_id: MentionId) -> Explanation:
        if explain is None:
            raise ModelError("This process judges nothing, so it cannot explain.")
        if turns.waiting > MOST_WAITING:
            raise Busy("Other explanations are being made; ask again in a moment.")
        found = await turns.made(explain, reader, mention_id)
        if found is None:
            raise NotFoundException("There is no mention with this id.")
        return found

    return [explanation]


def _made(explain: Explain, reader: Reader, mention_id: str) -> Explanation | None:
    mention = reader.mention(mention_id)
    return explain(mention) if mention else None
