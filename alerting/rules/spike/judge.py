"""Is a count a spike? Pure arithmetic over one series; says how it stands or why it does not count."""

from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from alerting.rules.spike.baseline import DAY, HOUR, learn
from alerting.rules.spike.config import Config
from alerting.rules.spike.state import BUCKET, WINDOWS, Limits, Series, SpikeState, Usual
from alerting.rules.spike.tail import smallest_surprise, tail
from alerting.rules.spike.witnesses import as_of, posted_again

WARM_HOURS = 24
"""From so many hours of baseline on, the ordinary line holds."""
FEWEST_HOURS = 6
"""With fewer there is no telling what is usual."""
ABSURD_RATIO, ABSURD_MINIMUM = 20.0, 20
WARMING_UP_CHANCE = 10
"""What it takes to ring between the two; the chance may be ten times larger, because so little is known."""
WEEK = 7
LONG_HISTORY = 48
LONGEST_GAP = WINDOWS[-1] // HOUR
PER_AUTHOR = 2


class Finding(Struct, frozen=True, kw_only=True):
    """How a count stands against its line. `code` is `spike` or the reason why not; empty is nothing remarkable."""

    code: str
    window: int
    observed: int
    expected: float
    limit: int
    chance: float
    usual: Usual


def refreshed(series: Series, state: SpikeState) -> Series:
    """The series with its baseline as of the current hour.

    The last hour is not its own baseline; once there are two days of history, neither are the last six.
    """
    known = state.bucket * BUCKET // HOUR - state.since
    gap = WINDOWS[-1] if known >= LONG_HISTORY else HOUR
    until = as_of(gap, state.bucket) // HOUR
    if series.usual is not None and series.usual.baseline.until == until:
        return series
    later = state.hour + 1 - until
    counts = series.hours[: max(len(series.hours) - later, 0)]
    peaks = (_peak(counts, 1), _peak(counts, 1), _peak(counts, 6))
    return replace(series, usual=Usual(learn(counts, until), peaks), limits=None)


def _peak(counts: tuple[int, ...], span: int) -> int:
    """The second highest of the daily highest sums of `span` hours; with less than a week, the highest.

    A brand that has such bursts every other day is not to be told of each, whatever a distribution says.
    """
    highest = [max(_sums(counts, start, span)) for start in range(0, len(counts), DAY)]
    highest.sort(reverse=True)
    return highest[min(len(highest) // WEEK, 1)] if highest else 0


def _sums(counts: tuple[int, ...], start: int, span: int) -> list[int]:
    return [sum(counts[i : i + span]) for i in range(start, min(start + DAY, len(counts)))]


def look(state: SpikeState, series: Series, config: Config, *, only_negative: bool) -> tuple[Series, Finding | None]:
    """Weigh the windows of a series; return it with what was worked out, and the most telling finding."""
    sums = sums_of(series)
    if sums[-1] < config.minimum:
        return series, None
    series = refreshed(series, state)
    if series.limits is None or series.limits.bucket != state.bucket:
        series = replace(series, limits=Limits(state.bucket, (0,) * len(WINDOWS)))
    findings = []
    for place, observed in enumerate(sums):
        if observed >= config.minimum:
            series, finding = _weigh(state, series, config, place, observed, only_negative=only_negative)
            findings += [finding] if finding else []
    spikes = [finding for finding in findings if finding.code == "spike"]
    return series, min(spikes or findings, key=lambda finding: finding.chance, default=None)


def _weigh(
    state: SpikeState, series: Series, config: Config, place: int, observed: int, *, only_negative: bool
) -> tuple[Series, Finding | None]:
    window, usual, limits = WINDOWS[place], series.usual, series.limits
    if usual is None or limits is None or (window > HOUR and usual.baseline.hours < LONG_HISTORY - LONGEST_GAP):
        return series, None
    baseline = usual.baseline
    start = as_of(window, state.bucket)
    expected = baseline.expected(start, start + window)
    finding = Finding(
        code="spike",
        window=window,
        observed=observed,
        expected=expected,
        limit=_least(usual, config, place, expected),
        chance=1.0,
        usual=usual,
    )
    code = _too_low(finding, place)
    if code:
        return series, replace(finding, code=code) if observed >= config.ratio * expected else None
    chance = config.chance * (1 if baseline.hours >= WARM_HOURS else WARMING_UP_CHANCE)
    limit = limits.counts[place] or smallest_surprise(expected, baseline.spread, min(chance, 0.5), finding.limit)
    finding = replace(finding, limit=limit)
    series = _limited(series, limits, place, limit)
    if observed < limit:
        return series, replace(finding, code="not_surprising")
    again = posted_again(state.seen, start=start, only_negative=only_negative, allowed=PER_AUTHOR)
    if observed - again < limit:
        # Only after so many more posts can others than these authors have made up the difference.
        return _limited(series, limits, place, limit + again), replace(finding, code="few_authors")
    return series, replace(finding, chance=tail(observed, expected, baseline.spread))


def _least(usual: Usual, config: Config, place: int, expected: float) -> int:
    """What a count must reach before its probability matters."""
    least = max(config.minimum, ceil(config.ratio * expected), usual.peaks[place] + 1)
    if usual.baseline.hours >= WARM_HOURS:
        return least
    return max(least, ABSURD_MINIMUM, ceil(ABSURD_RATIO * expected))


def _too_low(finding: Finding, place: int) -> str:
    """Why a count cannot be a spike whatever its probability, or empty."""
    hours = finding.usual.baseline.hours
    if hours < FEWEST_HOURS:
        return "warming_up"
    if finding.observed >= finding.limit:
        return ""
    return "usual_peak" if hours >= WARM_HOURS and finding.observed <= finding.usual.peaks[place] else "warming_up"


def _limited(series: Series, limits: Limits, place: int, limit: int) -> Series:
    if limits.counts[place] == limit:
        return series
    counts = (*limits.counts[:place], limit, *limits.counts[place + 1 :])
    return replace(series, limits=Limits(limits.bucket, counts))


def sums_of(series: Series) -> tuple[int, ...]:
    """The counts of the three windows."""
    recent = series.recent
    return (sum(recent[-3:]), sum(recent[-12:]), sum(recent))
