"""Rings when a post has certain words or phrases, or is found by a query.

`words` lists words, which match all their forms, and phrases, which match as they are; `query` is a query as brands
have them, with all operators and fields (`network: lang: author: followers:>`). Give one of the two. Reposts and
near-duplicates ring once; after an alert the rule is quiet for `cool_down_minutes`.
"""

from datetime import timedelta
from functools import partial
from typing import Literal, Self

from pydantic import Field, model_validator

from alerting.config import Names, RuleConfig
from alerting.rules.single import Hit, SingleMention
from domain.alert import Reason, Severity
from domain.errors import QueryError
from domain.mention import Mention
from domain.query import Query, analyse, compile_query

OPERATORS = frozenset({"AND", "OR", "NOT", "TO"})


class Config(RuleConfig):
    """What to look for and how loud to be."""

    kind: Literal["keyword"] = "keyword"
    name: str = Field("keyword", min_length=1, max_length=200, description="Unique name; default: the kind.")
    words: Names = Field((), description="Words (all their forms) and phrases (as they are); any of them rings.")
    query: str = Field("", description="A query instead of words.")
    severity: Severity = Field("major", description="Severity of its alerts: minor, major or critical.")
    cool_down_minutes: int = Field(60, ge=0, le=10_080, description="Quiet time after an alert.")

    @model_validator(mode="after")
    def _it_can_be_read(self) -> Self:
        if bool(self.words) == bool(self.query.strip()):
            raise ValueError('say what to look for: either words = ["recall", "data leak"] or query = "..."')
        try:
            compile_query(query_of(self))
        except QueryError as mistake:
            raise ValueError(f"{'words' if self.words else 'query'}: {mistake}") from None
        return self


def build(config: Config) -> SingleMention:
    """The rule as configured."""
    return SingleMention(
        config=config,
        kind="keyword",
        look=partial(look, config=config, query=compile_query(query_of(config))),
        cool_down=timedelta(minutes=config.cool_down_minutes),
        name=f"rule:{config.name}",
    )


def query_of(config: Config) -> str:
    """The query that stands for the words: plain words as they are, all else as phrases."""
    return config.query or " OR ".join(_written(word) for word in config.words)


def _written(words: str) -> str:
    if words.isalpha() and words not in OPERATORS:
        return words
    escaped = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def look(mention: Mention, *, config: Config, query: Query) -> Hit | None:
    """Say whether the post has the words."""
    matched = query.match(analyse(mention.post))
    if matched is None:
        return None
    judged = mention.judgement
    reason = Reason(
        code="keyword",
        observed=max(len(matched), 1),
        threshold=1,
        numbers={"words": ", ".join(matched)[:200], "theme": judged.theme if judged else "unscored"},
        model=judged.model if judged else "",
    )
    return Hit(reason=reason, severity=config.severity, group=f"keyword:{config.name}", cools=config.name)
