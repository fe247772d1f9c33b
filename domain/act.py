"""What people do, and what the brand itself answers: acts come back into the same folds as events."""

from datetime import datetime

from msgspec import Struct


class Act(Struct, frozen=True, kw_only=True, tag_field="act"):
    """Someone did something to an incident or a mention at a time."""

    id: str
    by: str
    at: datetime


class Acknowledge(Act, frozen=True, kw_only=True, tag="acknowledge"):
    """Say "I have it": stops repeats and escalation until `until`."""

    brand: str
    incident: str
    until: datetime | None = None


class Assign(Act, frozen=True, kw_only=True, tag="assign"):
    """The incident is `assignee`'s now."""

    brand: str
    incident: str
    assignee: str


class Resolve(Act, frozen=True, kw_only=True, tag="resolve"):
    """It is over; `comment` says how."""

    brand: str
    incident: str
    comment: str = ""


class Correct(Act, frozen=True, kw_only=True, tag="correct"):
    """A person's better judgement of a mention; an empty label means that nothing was said of that task.

    `wording` is the id of the text that was judged: an edit of it ends the effect of the act, not the act.
    """

    brand: str
    mention: str
    wording: str = ""
    sentiment: str = ""
    urgency: str = ""
    theme: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """What was said, by task."""
        said = {"sentiment": self.sentiment, "urgency": self.urgency, "theme": self.theme}
        return {task: label for task, label in said.items() if label}


class Replied(Act, frozen=True, kw_only=True, tag="replied"):
    """The brand's own account, `by`, answered a mention `at` that time. Nobody had to say so: its reply is a post."""

    brand: str
    mention: str


MentionAct = Correct | Replied
"""What is done to a mention."""
AnyAct = Acknowledge | Assign | Resolve | MentionAct


def kind_of(act: AnyAct) -> str:
    """Its kind in one word: `correct`, `replied`."""
    return str(type(act).__struct_config__.tag)


def subject(act: AnyAct) -> str:
    """The id of the mention or the incident that something is done to."""
    return act.mention if isinstance(act, MentionAct) else act.incident
