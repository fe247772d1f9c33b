"""Evidence: posts shown as witnesses, and how evidence of several moments is put together."""

from collections.abc import Iterable, Mapping

from domain.alert import Evidence, Witness
from domain.mention import Mention

QUOTE_LIMIT = 300
TOP = 5
NOTHING = Evidence()


def witness(mention: Mention) -> Witness:
    """Enough of a mention to read it and open it; the text is cut to 300 characters."""
    post, judged = mention.post, mention.judgement
    return Witness(
        mention_id=mention.id,
        network=post.network,
        url=post.url,
        author=post.author.name or post.author.handle or post.author.id,
        text=post.wording[:QUOTE_LIMIT],
        at=mention.event_at,
        sentiment=judged.sentiment if judged else "unscored",
        urgency=judged.urgency if judged else "unscored",
        theme=judged.theme if judged else "unscored",
        priority=mention.score.priority if mention.score else 0.0,
        followers=post.author.followers,
        lang=mention.lang,
    )


def evidence_of(mention: Mention) -> Evidence:
    """The evidence that one mention is."""
    return with_witness(NOTHING, witness(mention))


def with_witness(evidence: Evidence, seen: Witness) -> Evidence:
    """One more mention: counted, and shown if it is the first or among the top."""
    first = evidence.first
    return Evidence(
        first=seen if first is None or (seen.at, seen.mention_id) < (first.at, first.mention_id) else first,
        top=top((*evidence.top, seen)),
        networks=_plus(evidence.networks, seen.network),
        themes=_plus(evidence.themes, seen.theme),
        sentiments=_plus(evidence.sentiments, seen.sentiment),
        langs=_plus(evidence.langs, seen.lang),
    )


def joined(one: Evidence, other: Evidence) -> Evidence:
    """Both views of the same time: counts overlap, so the larger of each is what is certain."""
    firsts = [evidence.first for evidence in (one, other) if evidence.first]
    return Evidence(
        first=min(firsts, key=lambda seen: (seen.at, seen.mention_id), default=None),
        top=top((*one.top, *other.top)),
        networks=_larger(one.networks, other.networks),
        themes=_larger(one.themes, other.themes),
        sentiments=_larger(one.sentiments, other.sentiments),
        langs=_larger(one.langs, other.langs),
    )


def top(seen: Iterable[Witness], limit: int = TOP) -> tuple[Witness, ...]:
    """The most pressing ones, each mention once."""
    unique = {one.mention_id: one for one in seen}
    return tuple(sorted(unique.values(), key=lambda one: (-one.priority, one.at, one.mention_id))[:limit])


def mentions_in(evidence: Evidence) -> int:
    """How many mentions the counts are made of."""
    return sum(evidence.networks.values())


def _plus(counts: Mapping[str, int], key: str) -> dict[str, int]:
    return {**counts, key: counts.get(key, 0) + 1}


def _larger(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: max(one.get(key, 0), other.get(key, 0)) for key in (*one, *other)}
