"""A rule about single mentions as a fold: once per story, with a cool-down per key, near misses once an hour."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from alerting.config import RuleConfig
from alerting.evidence import evidence_of
from alerting.rules.memory import Memory
from alerting.rules.near_miss import near_miss
from domain.alert import Alert, Reason, Severity
from domain.event import Event, MentionEvent, Output
from domain.ids import stable_id
from domain.mention import Mention


class Hit(Struct, frozen=True, kw_only=True):
    """A mention that should ring: why, how loud, to which group of alerts it belongs, and what cools down after."""

    reason: Reason
    severity: Severity
    group: str
    cools: str


Look = Callable[[Mention], Hit | Reason | None]
"""What a rule says of one mention: a hit, a near miss by its reason, or nothing."""


@dataclass(frozen=True, kw_only=True)
class SingleMention:
    """Asks `look` about each new or edited mention. History rings nothing; a deletion changes nothing."""

    config: RuleConfig
    kind: str
    look: Look
    cool_down: timedelta
    name: str
    accepts: tuple[type, ...] = (MentionEvent,)
    state_type: type[Memory] = Memory

    def initial(self) -> Memory:
        """Nothing told."""
        return Memory()

    def due(self, state: Memory) -> datetime | None:  # noqa: ARG002  # part of the fold's shape
        """Time alone changes nothing."""
        return None

    def step(self, state: Memory, event: Event) -> tuple[Memory, list[Output]]:
        """Look at one mention."""
        if not isinstance(event, MentionEvent) or not self._concerns(event):
            return state, []
        mention = event.mention
        found = self.look(mention)
        if found is None:
            return state, []
        state = state.at(mention.event_at)
        # A counter that moved on an old post is an edit too; whether it rang then is forgotten.
        if state.knows(mention) or (event.change == "edited" and state.too_old(mention)):
            return state, []
        if isinstance(found, Reason):
            return self._missed(state, mention, found)
        state = state.told(mention)
        if state.cooling(found.cools, mention.event_at, self.cool_down):
            return self._missed(state, mention, _cooling(found, self.cool_down))
        return state.rang(found.cools, mention.event_at), [self._alert(mention, found)]

    def _concerns(self, event: MentionEvent) -> bool:
        heard = event.change != "deleted" and event.mention.post.origin != "backfill"
        return heard and self.config.watches(event.brand)

    def _alert(self, mention: Mention, hit: Hit) -> Alert:
        return Alert(
            id=stable_id("alert", mention.brand, self.config.name, hit.reason.code, mention.id),
            brand=mention.brand,
            rule=self.config.name,
            kind=self.kind,
            group=hit.group,
            severity=hit.severity,
            at=mention.event_at,
            reason=hit.reason,
            evidence=evidence_of(mention),
        )

    def _missed(self, state: Memory, mention: Mention, reason: Reason) -> tuple[Memory, list[Output]]:
        after = state.missing(reason.code, mention.event_at)
        if after is None:
            return state, []
        miss = near_miss(
            brand=mention.brand,
            rule=self.config.name,
            kind=self.kind,
            at=mention.event_at,
            reason=reason,
            about=mention.id,
        )
        return after, [miss]


def _cooling(hit: Hit, cool_down: timedelta) -> Reason:
    reason = hit.reason
    return Reason(
        code="cooling_down",
        observed=reason.observed,
        expected=reason.expected,
        threshold=reason.threshold,
        window_seconds=int(cool_down.total_seconds()),
        numbers={**reason.numbers, "about": hit.cools},
        model=reason.model,
    )
