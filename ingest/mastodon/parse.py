"""One status to a post. Every field but id, uri, account, content and created_at may be missing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused
from domain.post import Author, Engagement, Post
from ingest.markup import plain_text
from ingest.records.times import read_time
from ingest.records.values import count, language, link

_PUBLIC = frozenset({"public", "unlisted", ""})
_CLOCK_SKEW = timedelta(minutes=5)


def status_id(status: Any) -> str:
    """Return the id that only this server knows the status by, "" when there is none."""
    found = status.get("id") if isinstance(status, Mapping) else None
    return str(found) if isinstance(found, str | int) else ""


def order(known_by: str) -> tuple[int, str]:
    """What tells ids apart by age: numbers of any length on some servers, words of equal length on others."""
    return len(known_by), known_by


def refusal(refused: Refused, raw: bytes, where: str, *, source: str, at: datetime) -> DeadLetter:
    """Return the dead letter of a status that cannot be read."""
    return DeadLetter(
        source=source,
        stage="fetch",
        reason=refused.reason,
        detail=refused.detail,
        where=where,
        raw=raw[:RAW_LIMIT],
        at=at,
    )


def deletion(uri: str, *, source: str, collected_at: datetime) -> Post:
    """Return the news that a status is gone."""
    return Post(
        network="mastodon",
        native_id=uri,
        text="",
        created_at=collected_at,
        collected_at=collected_at,
        source=source,
        deleted=True,
    )


def read_status(
    status: Any,
    *,
    host: str,
    source: str,
    collected_at: datetime,
    known: Mapping[str, str],
    respect_opt_out: bool,
    edit: bool = False,
) -> Post | None:
    """Return the post of a status; None when it is not public, has no words, or its author wants no bots.

    `host` completes the names of accounts of this server, `known` holds the uris of statuses by id. An edit that
    takes all words away is a deletion. Raises Refused.
    """
    if not isinstance(status, Mapping):
        raise Refused("bad_status", "a status is a JSON object")
    uri, account = status.get("uri"), status.get("account")
    if not isinstance(uri, str) or not uri or not isinstance(account, Mapping) or not status_id(status):
        raise Refused("bad_status", "the status has no id, uri or account")
    if _text(status, "visibility") not in _PUBLIC or (respect_opt_out and _opted_out(account)):
        return None
    reblog = status["reblog"] if isinstance(status.get("reblog"), Mapping) else None
    text = _words(reblog or status)
    if not text:
        return deletion(uri, source=source, collected_at=collected_at) if edit else None
    edited_at = _time(status, "edited_at", collected_at) if status.get("edited_at") else None
    parent = status.get("in_reply_to_id")
    return Post(
        network="mastodon",
        native_id=uri,
        text=text,
        created_at=_time(status, "created_at", collected_at),
        collected_at=collected_at,
        edited_at=edited_at,
        source=source,
        version=edited_at.isoformat() if edited_at else "",
        kind="repost" if reblog else "comment" if parent else "post",
        url=link(status.get("url")) or link(reblog.get("url") if reblog else None),
        author=_author(account, host),
        lang=language((reblog or status).get("language"), ""),
        engagement=Engagement(
            likes=count(status.get("favourites_count")),
            reposts=count(status.get("reblogs_count")),
            replies=count(status.get("replies_count")),
            as_of=collected_at,
        ),
        reply_to=known.get(str(parent), "") if parent else "",
        repost_of=_text(reblog, "uri") if reblog else "",
    )


def _words(status: Mapping[str, Any]) -> str:
    """Return the warning and the text; of a status without words, what its pictures show."""
    said = [_text(status, "spoiler_text").strip(), plain_text(_text(status, "content"))]
    media = status.get("media_attachments")
    if not any(said) and isinstance(media, list):
        said = [_text(one, "description").strip() for one in media if isinstance(one, Mapping)]
    return "\n".join(words for words in said if words)


def _author(account: Mapping[str, Any], host: str) -> Author:
    handle = _text(account, "acct") or _text(account, "username")
    bot = account.get("bot")
    return Author(
        id=_text(account, "uri") or _text(account, "url"),
        name=_text(account, "display_name") or _text(account, "username"),
        handle=handle if "@" in handle or not handle else f"{handle}@{host}",
        url=link(account.get("url")),
        followers=count(account.get("followers_count")),
        bot=bot if isinstance(bot, bool) else None,
    )


def _opted_out(account: Mapping[str, Any]) -> bool:
    return account.get("noindex") is True or "#nobot" in plain_text(_text(account, "note")).lower()


def _time(status: Mapping[str, Any], field: str, collected_at: datetime) -> datetime:
    value = status.get(field)
    try:
        moment = read_time(value, UTC)
    except ValueError as error:
        raise Refused("bad_date", f"{field} {value!r:.80} is no time") from error
    return min(moment, collected_at) if moment > collected_at + _CLOCK_SKEW else moment


def _text(row: Mapping[str, Any], field: str) -> str:
    found = row.get(field)
    return found if isinstance(found, str) else ""
