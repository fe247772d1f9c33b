"""Runs the folds of the pipeline: keeps their states by brand, feeds events through them in order."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from domain.alert import Alert, NearMiss
from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.event import Event, MentionEvent, Output, Tick
from domain.incident import Incident, Notification
from domain.mention import Mention
from processors.dedupe import Dedupe
from storage.store import Commit, FoldState
from tocsin.stages import Fold

Key = tuple[str, str]


class States(Protocol):
    """Where the encoded states are kept: a whole store, or the brands that one process of the cluster answers for."""

    def fold_state(self, fold: str, key: str) -> bytes | None:
        """The encoded state of a fold for a brand."""
        ...

    def fold_keys(self, fold: str) -> list[str]:
        """The brands that a fold has state for."""
        ...


class FoldRunner:
    """Holds decoded fold states; `states` holds them encoded, written with the commit that changed them."""

    def __init__(self, folds: Sequence[Fold[Any]], states: States) -> None:
        self._folds = {fold.name: fold for fold in folds}
        self._kept = states
        self._states: dict[Key, Any] = {}
        self._due: dict[Key, datetime] = {}
        for fold in folds:
            if Tick in fold.accepts:
                for brand in states.fold_keys(fold.name):
                    self._note_due(fold, brand, self._state(fold, brand))

    def meet(self, brand: str) -> None:
        """Take the brand's states as they are kept now, whatever was held of them, and note when ticks are due."""
        self.forget(brand)
        for fold in self._folds.values():
            if Tick in fold.accepts:
                self._note_due(fold, brand, self._state(fold, brand))

    def forget(self, brand: str) -> None:
        """Hold nothing of the brand any more: its states are another's to change."""
        for name in self._folds:
            self._states.pop((name, brand), None)
            self._due.pop((name, brand), None)

    def run(self, events: Iterable[Event], commit: Commit, *, now: datetime) -> list[MentionEvent]:
        """Feed the events through every fold in order; put what they say and their new states into `commit`.

        Returns the mentions as they came out, one for each event that came in, in order.
        """
        stream: list[Event | Output] = list(events)
        touched: dict[Key, None] = {}
        for fold in self._folds.values():
            stream = self._pass(fold, stream, touched, commit, now)
        _collect(stream, commit)
        for name, brand in touched:
            state = self._states[name, brand]
            commit.folds.append(FoldState(fold=name, key=brand, state=msgspec.msgpack.encode(state)))
            self._note_due(self._folds[name], brand, state)
        return [output for output in stream if isinstance(output, MentionEvent)]

    def due_ticks(self, now: datetime) -> list[Tick]:
        """List the brands whose folds asked to hear of the time by `now`, one tick each."""
        brands = {brand for (_, brand), due in self._due.items() if due <= now}
        return [Tick(brand=brand, at=now) for brand in sorted(brands)]

    def drain_ticks(self) -> list[Tick]:
        """List the brands whose folds hold something back, for the end of a recorded stream."""
        waiting: dict[str, datetime] = {}
        for (_, brand), due in self._due.items():
            waiting[brand] = min(due, waiting.get(brand, due))
        return [Tick(brand=brand, at=due, drain=True) for brand, due in sorted(waiting.items())]

    def _pass(
        self,
        fold: Fold[Any],
        stream: list[Event | Output],
        touched: dict[Key, None],
        commit: Commit,
        now: datetime,
    ) -> list[Event | Output]:
        passed: list[Event | Output] = []
        for event in stream:
            if not _concerns(fold, event):
                passed.append(event)
                continue
            outputs = self._step(fold, event, touched, commit, now)
            if not any(isinstance(output, MentionEvent) for output in outputs):
                passed.append(event)
            passed.extend(outputs)
        return passed

    def _step(
        self, fold: Fold[Any], event: Any, touched: dict[Key, None], commit: Commit, now: datetime
    ) -> list[Output]:
        key = (fold.name, event.brand)
        try:
            state, outputs = fold.step(self._state(fold, event.brand), event)
        except Exception as error:  # noqa: BLE001  # a poison event must not stop the line; it is kept with its reason
            commit.dead_letters.append(_refused(fold.name, event, error, now))
            return []
        self._states[key] = state
        touched[key] = None
        return outputs

    def _state(self, fold: Fold[Any], brand: str) -> Any:
        key = (fold.name, brand)
        if key not in self._states:
            stored = self._kept.fold_state(fold.name, brand)
            self._states[key] = (
                fold.initial() if stored is None else msgspec.msgpack.decode(stored, type=fold.state_type)
            )
        return self._states[key]

    def _note_due(self, fold: Fold[Any], brand: str, state: Any) -> None:
        due = fold.due(state)
        if due is None:
            self._due.pop((fold.name, brand), None)
        else:
            self._due[fold.name, brand] = due


def _concerns(fold: Fold[Any], event: Event | Output) -> bool:
    """Whether a fold hears of an event. Of new counters only de-duplication does, which knows the story."""
    if isinstance(event, MentionEvent) and event.change == "recounted" and fold.name != Dedupe.name:
        return False
    return isinstance(event, fold.accepts)


def _collect(stream: Iterable[Event | Output], commit: Commit) -> None:
    mentions = {mention.id: mention for mention in commit.mentions}
    recounted: dict[str, Mention] = {}
    incidents: dict[str, Incident] = {}
    for output in stream:
        match output:
            case MentionEvent(change="recounted") if output.mention.id not in mentions:
                recounted[output.mention.id] = output.mention
            case MentionEvent():
                recounted.pop(output.mention.id, None)
                mentions[output.mention.id] = output.mention
            case Alert():
                commit.alerts.append(output)
            case NearMiss():
                commit.near_misses.append(output)
            case Incident():
                incidents[output.id] = output
            case Notification():
                commit.notifications.append(output)
            case _:
                continue
    commit.mentions, commit.recounted = list(mentions.values()), list(recounted.values())
    commit.incidents = list(incidents.values())


def _refused(fold: str, event: Any, error: Exception, now: datetime) -> DeadLetter:
    return DeadLetter(
        source="",
        stage=fold,
        reason="stage_error",
        detail=f"{type(error).__name__}: {error}",
        where=event.mention.post.place if isinstance(event, MentionEvent) else event.brand,
        raw=msgspec.json.encode(event)[:RAW_LIMIT],
        at=now,
    )
