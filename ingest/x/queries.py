"""What brands ask for, in X's query language: as few queries as possible, each within a length."""

import re
from collections.abc import Sequence

from domain.brand import Brand
from domain.errors import SourceMisconfigured
from domain.query import Phrase, phrases
from ingest.alternatives import side_by_side
from ingest.x.config import Config

_BARE = re.compile(r"[#@]?\w+")
_OPERATORS = {"or", "and", "not"}
_PREFIX = "x:"


def accounts(brands: Sequence[Brand]) -> frozenset[str]:
    """The brands' own names on X, in lower case."""
    own = (account.lower() for brand in brands for account in brand.accounts)
    return frozenset(account.removeprefix(_PREFIX) for account in own if account.startswith(_PREFIX))


def queries(config: Config, brands: Sequence[Brand], *, length: int) -> list[str]:
    """The configured queries, or those that find the brands' phrases, what is written to their accounts and by them.

    Raises SourceMisconfigured where a phrase alone is longer than `length` characters, or where there is no brand.
    """
    if config.queries:
        return list(config.queries)
    own = [f"{sign}{name}" for name in sorted(accounts(brands)) for sign in ("@", "from:")]
    terms = [*(_term(phrase) for brand in brands for phrase in phrases(brand)), *own]
    if not terms:
        raise SourceMisconfigured("there is no [[brand]] to listen for and no `queries` of source x")
    tail = " ".join(word for word in (config.filter.strip(), "" if config.retweets else "-is:retweet") if word)
    room = length - len(f"() {tail}")
    return [f"({alternatives}) {tail}".rstrip() for alternatives in side_by_side(terms, room=room, network="X")]


def _term(phrase: Phrase) -> str:
    parts = [f'"{_plain(words)}"' for words in phrase.exact]
    parts += [word if _bare(word) else f'"{_plain(word)}"' for word in phrase.words]
    return f"({' '.join(parts)})" if len(parts) > 1 else parts[0]


def _bare(word: str) -> bool:
    return _BARE.fullmatch(word) is not None and word.lower() not in _OPERATORS


def _plain(words: str) -> str:
    return " ".join(words.replace('"', " ").replace("\\", " ").split())
