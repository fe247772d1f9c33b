"""Corrections: how a person's word on a mention becomes an act, and how acts change what is shown of the mention."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from domain.act import Correct
from domain.ids import stable_id
from domain.judgement import SENTIMENTS, THEMES, URGENCIES, Judgement
from domain.mention import Mention

LABELS: Mapping[str, tuple[str, ...]] = {"sentiment": SENTIMENTS, "urgency": URGENCIES, "theme": THEMES}
"""What a person may say, by task."""

LONGEST_NAME = 200

_UNJUDGED = Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model="")


def wording_id(mention: Mention) -> str:
    """The id of the text that was judged; versions that differ in anything else share it."""
    return stable_id(mention.post.title, mention.post.text)


def said_by_model(mention: Mention) -> dict[str, str]:
    """The model's own label of each task, `unscored` among them, whatever a person said since."""
    judgement = mention.judgement or _UNJUDGED
    return {task: judgement.model_said.get(task) or getattr(judgement, task) for task in LABELS}


def correction(
    mention: Mention, *, by: str, at: datetime, labels: Mapping[str, str], confirm: bool = False, act_id: str = ""
) -> Correct:
    """Make the act of a person who judges a mention; `confirm` says that the model's other labels are right.

    An `act_id` of the caller's own makes a repeated request the same act. Raises ValueError with a sentence for a
    name, a label or a confirmation that cannot be.
    """
    name = " ".join(by.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"by: say who judges, in 1 to {LONGEST_NAME} characters")
    said = {task: label for task, label in labels.items() if label}
    for task, label in said.items():
        if label not in LABELS[task]:
            raise ValueError(f'{task}: "{label[:40]}" is none of {", ".join(LABELS[task])}')
    if confirm:
        judged = {task: label for task, label in said_by_model(mention).items() if label in LABELS[task]}
        if not judged:
            raise ValueError("confirm: the model did not judge this mention; give the labels yourself")
        said = judged | said
    if not said:
        raise ValueError(
            "nothing is said of the mention: give a sentiment, an urgency or a theme, or confirm the model"
        )
    wording = wording_id(mention)
    own_id = stable_id("correct", mention.id, wording, name, at.isoformat(), *said, *said.values())
    return Correct(
        id=act_id or own_id, by=name, at=at, brand=mention.brand, mention=mention.id, wording=wording, **said
    )


def corrected(mention: Mention, acts: Iterable[Correct]) -> Mention:
    """The mention as people judge it: of each task, the latest word on this very wording.

    `corrected_by` names whose act is the latest; `model_said` keeps the model's label of each task that people
    spoke of. Acts about other mentions or other wordings are passed over.
    """
    wording = wording_id(mention)
    standing = [act for act in acts if act.mention == mention.id and act.wording == wording and act.labels]
    bare = as_judged(mention)
    if not standing:
        return bare
    standing.sort(key=lambda act: (act.at, act.id))
    labels: dict[str, str] = {}
    for act in standing:
        labels |= act.labels
    judgement = bare.judgement or _UNJUDGED
    model_said = {task: getattr(judgement, task) for task in LABELS if task in labels}
    return replace(bare, judgement=replace(judgement, corrected_by=standing[-1].by, model_said=model_said, **labels))


def as_judged(mention: Mention) -> Mention:
    """The mention as the model judged it, before anybody corrected it."""
    judgement = mention.judgement
    if judgement is None or not judgement.corrected_by:
        return mention
    return replace(mention, judgement=replace(judgement, corrected_by="", model_said={}, **judgement.model_said))
