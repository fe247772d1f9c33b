"""The spike rule as a fold: counts each mention, rings at the onset, when it doubles, and after it was over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from alerting.rules.near_miss import near_miss
from alerting.rules.spike.baseline import HOUR
from alerting.rules.spike.config import Config
from alerting.rules.spike.counts import counted, taught
from alerting.rules.spike.judge import Finding, look, refreshed, sums_of
from alerting.rules.spike.state import WINDOWS, Active, Series, SpikeState
from alerting.rules.spike.witnesses import as_of, counted_as, evidence
from domain.alert import Alert, Reason, Severity
from domain.event import Event, MentionEvent, Output
from domain.ids import stable_id

Of = Literal["all", "negative"]

KIND = "spike"
METHOD = "gamma-poisson-1"
OVER_AFTER = timedelta(hours=1)
EBB_RATIO = 1.5
GROWN = 2
HUGE, HUGE_RATIO = 30, 10.0
CRITICAL_POSTS, CRITICAL_SHARE = 3, 0.1
HARMLESS_SHARE = 0.3


def build(config: Config) -> "Spike":
    """The rule as configured."""
    return Spike(config=config, name=f"rule:{config.name}")


@dataclass(frozen=True, kw_only=True)
class Spike:
    """Counts per brand against their baseline."""

    config: Config
    name: str
    accepts: tuple[type, ...] = (MentionEvent,)
    state_type: type[SpikeState] = SpikeState

    def initial(self) -> SpikeState:
        """Nothing heard, nothing usual."""
        return SpikeState()

    def due(self, state: SpikeState) -> datetime | None:  # noqa: ARG002  # part of the fold's shape
        """Time alone changes nothing: the next mention finds out that a spike is over."""
        return None

    def step(self, state: SpikeState, event: Event) -> tuple[SpikeState, list[Output]]:
        """Count a mention; an edit counts nothing, history teaches only, a deletion takes back."""
        if not isinstance(event, MentionEvent) or event.change == "edited" or not self.config.watches(event.brand):
            return state, []
        by = 1 if event.change == "new" else -1
        if event.mention.post.origin == "backfill":
            return taught(state, event.mention, by), []
        state = counted(state, event.mention, by)
        if by < 0:
            return state, []
        model = event.mention.judgement.model if event.mention.judgement else ""
        said: list[Output] = []
        for of in self._watched():
            state, more = self._follow(state, of, event.brand, model)
            said += more
        return state, said

    def _watched(self) -> tuple[Of, ...]:
        if self.config.of == "both":
            return ("negative", "all")
        return (self.config.of,)

    def _follow(self, state: SpikeState, of: Of, brand: str, model: str) -> tuple[SpikeState, list[Output]]:
        series = state.negative if of == "negative" else state.all
        series, active = _still_active(series, state, self.config)
        if active is not None:
            grown = self._grown(state, series, active)
            if grown is None:
                return _kept(state, of, series), []
            return self._fire(state, of, series, grown, brand=brand, model=model, code="spike_grows")
        series, finding = look(state, series, self.config, only_negative=of == "negative")
        if finding is None:
            return _kept(state, of, series), []
        if finding.code != "spike":
            return self._missed(_kept(state, of, series), of, finding, brand)
        if of == "all" and state.negative.active is not None and self.config.of == "both":
            # The negative ones rang already, and they are among all: nothing new.
            return _kept(state, of, series), []
        return self._fire(state, of, series, finding, brand=brand, model=model, code="spike")

    def _grown(self, state: SpikeState, series: Series, active: Active) -> Finding | None:
        observed = sums_of(series)[WINDOWS.index(active.window)]
        if observed < active.told * GROWN or series.usual is None:
            return None
        start = as_of(active.window, state.bucket)
        return Finding(
            code="spike",
            window=active.window,
            observed=observed,
            expected=series.usual.baseline.expected(start, start + active.window),
            limit=active.told * GROWN,
            chance=0.0,
            usual=series.usual,
        )

    def _fire(
        self, state: SpikeState, of: Of, series: Series, finding: Finding, *, brand: str, model: str, code: str
    ) -> tuple[SpikeState, list[Output]]:
        at = state.now
        ebb = series.active.ebb if series.active else finding.limit / 2
        active = Active(finding.window, finding.observed, ebb, at)
        start = as_of(finding.window, state.bucket)
        alert = Alert(
            id=stable_id("alert", brand, self.config.name, of, code, at.isoformat(), str(finding.observed)),
            brand=brand,
            rule=self.config.name,
            kind=KIND,
            group="volume",
            severity=_severity(state, of, finding, start),
            at=at,
            reason=_reason(of, finding, code, model, ebb),
            evidence=evidence(state.seen, state.witnesses, start=start, only_negative=of == "negative"),
        )
        return _kept(state, of, replace(series, active=active)), [alert]

    def _missed(self, state: SpikeState, of: Of, finding: Finding, brand: str) -> tuple[SpikeState, list[Output]]:
        """Record why it did not ring, each reason at most once an hour."""
        at = state.now
        hour = int(at.timestamp()) // HOUR
        if state.missed.get(finding.code, 0) >= hour:
            return state, []
        reason = _reason(of, finding, finding.code, "", finding.limit / 2)
        miss = near_miss(
            brand=brand, rule=self.config.name, kind=KIND, at=at, reason=reason, about=f"{of} {at.isoformat()}"
        )
        return replace(state, missed={**state.missed, finding.code: hour}), [miss]


def _still_active(series: Series, state: SpikeState, config: Config) -> tuple[Series, Active | None]:
    """The spike under way, if it was up within the last hour."""
    active = series.active
    if active is None:
        return series, None
    series = refreshed(series, state)
    observed = sums_of(series)[WINDOWS.index(active.window)]
    start = as_of(active.window, state.bucket)
    expected = series.usual.baseline.expected(start, start + active.window) if series.usual else 0.0
    if observed >= max(config.minimum, EBB_RATIO * expected, active.ebb):
        active = replace(active, high_at=state.now)
    elif state.now - active.high_at >= OVER_AFTER:
        active = None
    return replace(series, active=active), active


def _kept(state: SpikeState, of: Of, series: Series) -> SpikeState:
    return replace(state, negative=series) if of == "negative" else replace(state, all=series)


def _severity(state: SpikeState, of: Of, finding: Finding, start: int) -> Severity:
    """Major; critical when it is huge or grave; minor when hardly anyone is against the brand."""
    observed = finding.observed
    if of == "all":
        bad = counted_as(state.seen, "sentiment:negative", start=start)
        unscored = counted_as(state.seen, "sentiment:unscored", start=start)
        return "minor" if bad + unscored < HARMLESS_SHARE * observed else "major"
    grave = counted_as(state.seen, "-urgency:critical", start=start)
    huge = observed >= HUGE and observed >= HUGE_RATIO * finding.expected
    return "critical" if huge or grave >= max(CRITICAL_POSTS, CRITICAL_SHARE * observed) else "major"


def _reason(of: Of, finding: Finding, code: str, model: str, ebb: float) -> Reason:
    baseline = finding.usual.baseline
    return Reason(
        code=code,
        observed=finding.observed,
        expected=round(finding.expected, 2),
        threshold=finding.limit,
        window_seconds=finding.window,
        numbers={
            "of": of,
            "chance": finding.chance,
            "learned_hours": baseline.hours,
            "spread": round(baseline.spread, 3),
            "peak": finding.usual.peaks[WINDOWS.index(finding.window)],
            "ebb": ebb,
            "method": METHOD,
        },
        model=model,
    )
