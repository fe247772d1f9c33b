"""A rule about single mentions as a fold: once per story, with a cool-down per key, near misses once an hour."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from alerting.config import RuleConfig
from alerting.evidence import evidence_of, with_witness
from alerting.rules.memory import STORY_LIFE, VOICES_WITHIN, Memory
from alerting.rules.near_miss import near_miss
from domain.alert import Alert, Evidence, Reason, Severity
from domain.event import Event, MentionEvent, Output
from domain.ids import stable_id
from domain.mention import Mention


class Hit(Struct, frozen=True, kw_only=True):
    """A mention that should ring: why, how loud, to which group of alerts it belongs, and what cools down after.

    One that is not `enough` alone rings when another author says the like within two hours.
    """

    reason: Reason
    severity: Severity
    group: str
    cools: str
    enough: bool = True


Look = Callable[[Mention], Hit | Reason | None]
"""What a rule says of one mention: a hit, a near miss by its reason, or nothing."""


@dataclass(frozen=True, kw_only=True)
class SingleMention:
    """Asks `look` about each new or edited mention. History rings nothing; a deletion changes nothing.

    A post a day behind the latest one heard of its brand comes too late to wake anyone: a file read from its newest
    post to its oldest must not ring for what is over.
    """

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
        state = state.at(mention.event_at)
        found = self.look(mention)
        if found is None:
            return state, []
        # Of an old post that is edited it is forgotten whether it rang.
        if state.knows(mention) or (event.change == "edited" and state.too_old(mention)):
            return state, []
        if isinstance(found, Reason):
            return self._missed(state, mention, found)
        return self._hit(state.told(mention), mention, found)

    def _hit(self, state: Memory, mention: Mention, hit: Hit) -> tuple[Memory, list[Output]]:
        if state.too_old(mention):
            return self._missed(state, mention, _instead(hit, "too_late", STORY_LIFE))
        evidence = evidence_of(mention)
        if not hit.enough:
            state = state.joined_by(mention)
            if len({voice.author for voice in state.voices}) == 1:
                return self._missed(state, mention, _instead(hit, "alone", VOICES_WITHIN))
            for voice in state.voices[:-1]:
                evidence = with_witness(evidence, voice.post)
        if state.cooling(hit.cools, mention.event_at, self.cool_down):
            return self._missed(state, mention, _instead(hit, "cooling_down", self.cool_down))
        return state.rang(hit.cools, mention.event_at), [self._alert(mention, hit, evidence)]

    def _concerns(self, event: MentionEvent) -> bool:
        heard = event.change != "deleted" and event.mention.post.origin != "backfill"
        return heard and self.config.watches(event.brand)

    def _alert(self, mention: Mention, hit: Hit, evidence: Evidence) -> Alert:
        return Alert(
            id=stable_id("alert", mention.brand, self.config.name, hit.reason.code, mention.id),
            brand=mention.brand,
            rule=self.config.name,
            kind=self.kind,
            group=hit.group,
            severity=hit.severity,
            at=mention.event_at,
            reason=hit.reason,
            evidence=evidence,
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


def _instead(hit: Hit, code: str, window: timedelta) -> Reason:
    reason = hit.reason
    return Reason(
        code=code,
        observed=reason.observed,
        expected=reason.expected,
        threshold=reason.threshold,
        window_seconds=int(window.total_seconds()),
        numbers={**reason.numbers, "about": hit.cools},
        model=reason.model,
    )
