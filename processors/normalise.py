"""Post -> Post: whatever a network sent, in one spelling and of sane size."""

from urllib.parse import urlsplit

from msgspec.structs import replace

from domain.errors import Refused
from domain.post import Author, Engagement, Post, account_id
from processors.plain_text import one_line, plain_text

TEXT_LIMIT = 20_000
TITLE_LIMIT = 500
NAME_LIMIT = 200
URL_LIMIT = 2_048
COUNT_LIMIT = 10**12
"""No counter of a network is that high: such a number is a mistake, and a mistake is not a number."""
RATING_LIMIT = 100

_LANGUAGES = {
    "rus": "ru", "kaz": "kk", "kz": "kk", "ces": "cs", "cze": "cs", "cz": "cs", "ara": "ar", "eng": "en",
    "ukr": "uk", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "tur": "tr", "uzb": "uz",
    "kir": "ky", "slk": "sk", "slo": "sk", "pol": "pl", "iw": "he", "in": "id",
}  # fmt: skip
_LANGUAGE_LETTERS = 2


def normalise(post: Post) -> list[Post]:
    """Return the post cleaned; its identity (network whatever its case, native id) and its times stay as they are.

    The text is NFC without control, bidi-override and needless zero-width characters, cut at TEXT_LIMIT. An absent
    version becomes the hash of the text as it came. A URL that is not http(s) and a counter that cannot be are
    dropped. Raises Refused: `no_id` or `bad_id` without a usable identity, `no_text` for a post that is not a
    deletion and has nothing to read.
    """
    _require_identity(post)
    text = plain_text(post.text, limit=TEXT_LIMIT)
    title = one_line(post.title, limit=TITLE_LIMIT)
    if not (text or title or post.deleted):
        raise Refused("no_text", "the post has neither text nor title")
    return [
        replace(
            post,
            network=post.network.lower(),
            version=post.stamp,
            text=text,
            title=title,
            url=_url(post.url),
            author=_author(post.author),
            lang=language_code(post.lang),
            engagement=counters(post.engagement),
            addressed=_account(post.addressed),
            rating=post.rating if post.rating is not None and 0 <= post.rating <= RATING_LIMIT else None,
        )
    ]


def _require_identity(post: Post) -> None:
    if not post.network or not post.native_id:
        raise Refused("no_id", "the post does not name its network and its id there")
    if not post.network.isprintable():
        raise Refused("bad_id", "the post's network has control characters in its name")
    try:
        f"{post.network}{post.native_id}{post.version}".encode()
    except UnicodeEncodeError as error:
        raise Refused("bad_id", "the post's network, id or version is broken Unicode (a lone surrogate)") from error


def _account(written: str) -> str:
    cleaned = one_line(written, limit=NAME_LIMIT) if written else ""
    return account_id(cleaned) if cleaned else ""


def _author(author: Author) -> Author:
    return Author(
        id=one_line(author.id, limit=NAME_LIMIT),
        name=one_line(author.name, limit=NAME_LIMIT),
        handle=one_line(author.handle, limit=NAME_LIMIT),
        url=_url(author.url),
        followers=_count(author.followers),
        verified=author.verified,
        bot=author.bot,
    )


def counters(engagement: Engagement) -> Engagement:
    """Return the counters without those that cannot be."""
    return Engagement(
        likes=_count(engagement.likes),
        reposts=_count(engagement.reposts),
        replies=_count(engagement.replies),
        views=_count(engagement.views),
        as_of=engagement.as_of,
    )


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= COUNT_LIMIT else None


def _url(url: str) -> str:
    if not url or len(url) > URL_LIMIT:
        return ""
    cleaned = one_line(url, limit=URL_LIMIT).replace(" ", "%20")
    try:
        parts = urlsplit(cleaned)
    except ValueError:  # a broken IPv6 address
        return ""
    return cleaned if parts.scheme in {"http", "https"} and parts.netloc and len(cleaned) <= URL_LIMIT else ""


def language_code(lang: str) -> str:
    """Return the ISO 639-1 code of `en-US`, `RUS` and the like, or nothing."""
    if not lang:
        return ""
    code = lang.strip().lower().replace("_", "-").split("-")[0]
    code = _LANGUAGES.get(code, code)
    return code if len(code) == _LANGUAGE_LETTERS and code.isascii() and code.isalpha() else ""
