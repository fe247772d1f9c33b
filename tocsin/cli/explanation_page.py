"""How an explanation is shown: per task the label, the text with its heaviest words marked, and what they weigh."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tocsin.cli import screen

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from domain.explanation import Explanation, TaskExplanation, WordWeight
    from domain.mention import Mention

MOST_MARKED, MOST_AGAINST = 6, 3
LIGHTEST = 0.02
"""A word that moves the probability by less than two points is not marked."""

LONGEST_TEXT = 700
"""Characters of a text that is shown whole; of a longer one, what stands around the marked words."""

AROUND = 90
STRONG, WEAK = "bold black on yellow", "yellow underline"


def print_explanation(console: "Console", explanation: "Explanation", mention: "Mention | None" = None) -> None:
    """Print the whole page."""
    from rich.text import Text

    head = Text.assemble((screen.harmless(explanation.brand) or "no brand", "bold"), "  ", explanation.lang)
    head.append(f"  judged by {screen.harmless(explanation.model)}", "dim")
    console.print(head, soft_wrap=True)
    for said in _differs(explanation, mention):
        console.print(Text(said, "yellow"))
    plain = console.no_color or console.color_system is None
    for place, (task, found) in enumerate(explanation.tasks.items()):
        console.print()
        console.print(_answer(task, found))
        marked = _marked(found)
        if marked or not place:
            console.print(screen.indented(_text(explanation.text, marked, plain=plain)))
        for line in _weights(found, marked):
            console.print(screen.indented(line))
    if explanation.reason:
        missing = "Not judged in all" if explanation.tasks else "Nothing to explain"
        console.print(Text(f"{missing}: {screen.harmless(explanation.reason)}."))
    if explanation.tasks:
        console.print()
        console.print(Text("Points of probability that the answer loses without the word.", "dim"))


def _differs(explanation: "Explanation", mention: "Mention | None") -> Iterator[str]:
    """Where the stored judgement says something else: another model then, or a person since."""
    stored = mention.judgement if mention else None
    if stored is None:
        return
    for task, found in explanation.tasks.items():
        label = getattr(stored, task)
        if label == found.label:
            continue
        if task in stored.model_said:
            yield f"{screen.harmless(stored.corrected_by)} corrected {task} to {label}; the model says {found.label}."
        else:
            yield f"Stored as {label} ({task}) by {screen.harmless(stored.model)}; now it would be {found.label}."


def _answer(task: str, found: "TaskExplanation") -> "Text":
    from rich.text import Text

    styles = {"sentiment": screen.SENTIMENT_STYLES, "urgency": screen.URGENCY_STYLES}.get(task, {})
    return Text.assemble(
        (f"{task.capitalize():<11}", "bold"), (found.label, styles.get(found.label, "bold")),
        f"  {found.probability:.0%}",
    )  # fmt: skip


def _marked(found: "TaskExplanation") -> "list[WordWeight]":
    heaviest = [word for word in found.words if word.weight >= LIGHTEST]
    return heaviest[:MOST_MARKED]


def _text(text: str, marked: "Sequence[WordWeight]", *, plain: bool) -> "Text":
    """The text, or what stands around the marked words; without colours they stand in brackets."""
    from rich.text import Text

    before, after = screen.isolates(text)
    shown, at = Text(before), 0
    most = max((word.weight for word in marked), default=0.0)
    for start, end in _passages(text, marked):
        if start > at:
            shown.append(" … ", "dim")
        at = start
        for word in sorted((one for one in marked if start <= one.start < end), key=lambda one: one.start):
            shown.append(screen.fragment(text[at : word.start]))
            written = screen.fragment(word.word)
            style = STRONG if 2 * word.weight >= most else WEAK
            shown.append(f"[{written}]" if plain else written, "" if plain else style)
            at = word.end
        shown.append(screen.fragment(text[at:end]))
        at = end
    if at < len(text):
        shown.append(" … ", "dim")
    return shown.append(after)


def _passages(text: str, marked: "Sequence[WordWeight]") -> list[tuple[int, int]]:
    """The parts of the text that are shown, in order, none touching another."""
    if len(text) <= LONGEST_TEXT:
        return [(0, len(text))]
    if not marked:
        return [(0, text.rfind(" ", 0, LONGEST_TEXT // 2) + 1 or LONGEST_TEXT // 2)]
    passages: list[tuple[int, int]] = []
    for word in sorted(marked, key=lambda one: one.start):
        start = text.find(" ", max(0, word.start - AROUND), word.start) + 1 if word.start > AROUND else 0
        end = text.rfind(" ", word.end, word.end + AROUND) if word.end + AROUND < len(text) else len(text)
        start, end = start or word.start, max(end, word.end)
        if passages and start <= passages[-1][1]:
            start, end = passages[-1][0], max(end, passages.pop()[1])
        passages.append((start, end))
    return passages


def _weights(found: "TaskExplanation", marked: "Sequence[WordWeight]") -> "Iterator[Text]":
    from rich.text import Text

    if not marked:
        yield Text("No word alone decides: the answer stays about as sure without any of them.", "dim")
        return
    against = [word for word in reversed(found.words) if word.weight <= -LIGHTEST][:MOST_AGAINST]
    for side, words in (("for      ", marked), ("against  ", against)):
        if words:
            yield Text(side, "dim").append_text(Text("  ").join(map(_weighed, words)))


def _weighed(word: "WordWeight") -> "Text":
    from rich.text import Text

    return Text.assemble(screen.cut(word.word, 30), (f" {100 * word.weight:+.0f}", "dim"))
