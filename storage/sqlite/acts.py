"""What people did: each act is kept once, and found by what it was done to or by when."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from domain.act import AnyAct, MentionAct, kind_of, subject
from storage.encoding import clean, decoder, encode
from storage.moments import micros
from storage.sqlite.reading import text_list

_ACTS = decoder(cast("type[AnyAct]", AnyAct))
_ON_MENTIONS = decoder(cast("type[MentionAct]", MentionAct))


def take(connection: sqlite3.Connection, acts: Iterable[AnyAct]) -> list[str]:
    """Keep acts that are not kept yet; return the mentions that they are about."""
    concerned: list[str] = []
    for act in acts:
        fresh = connection.execute(
            "INSERT OR IGNORE INTO acts (id, act, brand, subject, at, body) VALUES (?, ?, ?, ?, ?, ?)",
            (clean(act.id), kind_of(act), clean(act.brand), clean(subject(act)), micros(act.at), encode(act)),
        ).rowcount
        if fresh and isinstance(act, MentionAct):
            concerned.append(act.mention)
    return concerned


def done_to(connection: sqlite3.Connection, mention_ids: Sequence[str]) -> dict[str, list[MentionAct]]:
    """Return what was done to some mentions, by mention."""
    rows = connection.execute(
        "SELECT body FROM acts WHERE subject IN (SELECT value FROM json_each(?)) AND act IN ('correct', 'replied')",
        (text_list(mention_ids),),
    )
    found: dict[str, list[MentionAct]] = {}
    for act in _ON_MENTIONS(rows):
        found.setdefault(act.mention, []).append(act)
    return found


def since(connection: sqlite3.Connection, brand: str, moment: datetime | None, kind: str) -> list[AnyAct]:
    """Return acts, of one kind where one is given, in order of time."""
    where, parameters = ["at >= ?"], list[Any]([micros(moment) if moment else -(2**63)])
    for column, wanted in (("brand", brand), ("act", kind)):
        if wanted:
            where.append(f"{column} = ?")
            parameters.append(clean(wanted))
    rows = connection.execute(
        f"SELECT body FROM acts WHERE {' AND '.join(where)} ORDER BY at, id",  # noqa: S608  # column names only
        parameters,
    )
    return list(_ACTS(rows))
