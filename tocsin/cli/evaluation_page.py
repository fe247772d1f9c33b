"""How the figures of an evaluation are shown: a headline, then one section a task. Figures are in percent."""

from typing import TYPE_CHECKING

from tocsin.cli import screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, RenderableType
    from rich.table import Table

    from models.evaluation import Figures
    from models.scorecard import Report, TaskFigures

MOST_GROUPS, MOST_CONFUSIONS = 25, 12
FEW_LABELS = 6
"""So many have room for their names above the columns of a matrix; more are numbered."""

SIDE_BY_SIDE = 110
"""From this width on, two tables stand beside each other."""

_GOOD, _FAIR = 0.8, 0.6


def print_report(console: "Console", report: "Report") -> None:
    """Print the whole report."""
    from rich.text import Text

    judge = screen.harmless(report.model)
    console.print(Text.assemble((screen.counted(report.texts, "labelled text"), "bold"), ", judged by ", judge))
    console.print(Text("In percent. A calibration error is best at 0, false alarms too, all else at 100.", "dim"))
    for task in report.tasks:
        console.print()
        console.print(Text(task.task.capitalize(), "bold cyan"))
        for part in _section(task, report.by, console.width):
            console.print(part)
    for line in _left_out(report):
        console.print()
        console.print(Text(line, "yellow"))


def _section(task: "TaskFigures", by: str, width: int) -> "Iterable[RenderableType]":
    from rich.console import Group
    from rich.text import Text

    figures = task.overall
    yield _groups(task, by)
    for line in _remarks(task):
        yield Text(line, "dim")
    yield Text()
    classes, cut_offs, confusion = _classes(figures), _cut_offs(figures), _confusion(figures, width)
    if width < SIDE_BY_SIDE:
        yield from (classes, Text(), cut_offs, Text(), *confusion)
    elif len(figures.labels) <= FEW_LABELS:
        yield _beside(Group(classes, Text(), *confusion), cut_offs)
    else:
        yield from (_beside(classes, cut_offs), Text(), *confusion)


def _groups(task: "TaskFigures", by: str) -> "Table":
    """All texts, then each group. Columns that have nothing to say are not there."""
    from rich.text import Text

    figures = task.overall
    table = screen.table()
    table.add_column(by, overflow="fold")
    columns = ["texts", "macro-F1", "accuracy"]
    columns += [" + ".join(label[:3] for label in figures.subset)] if figures.subset else []
    columns += ["calib. error"]
    columns += ["avg. prec."] if figures.ranked else []
    columns += [f"{figures.alarm.label} found", "false"] if figures.alarm else []
    columns += ["unscored"] if figures.unscored else []
    for name in columns:
        table.add_column(name, justify="right")
    named = [("all", figures), *task.groups.items()] if len(task.groups) > 1 else [("all", figures)]
    for name, of in named[: MOST_GROUPS + 1]:
        cells = [f"{of.texts:,}", _percent(of.macro_f1), _percent(of.accuracy)]
        cells += [_percent(of.subset_f1)] if figures.subset else []
        cells += [_percent(of.calibration_error)]
        cells += [_percent(of.average_precision)] if figures.ranked else []
        cells += [_percent(of.alarm.recall), _percent(of.alarm.false_rate)] if of.alarm else []
        cells += [f"{of.unscored:,}"] if figures.unscored else []
        table.add_row(Text(screen.cut(name, 24) or "–"), *cells, style="bold" if of is figures else "")
    return table


def _remarks(task: "TaskFigures") -> "Iterable[str]":
    figures = task.overall
    if len(task.groups) > MOST_GROUPS:
        yield f"{len(task.groups) - MOST_GROUPS} more with fewer texts; --json has them all."
    if figures.subset:
        yield f"{' + '.join(label[:3] for label in figures.subset)}: mean F1 of {' and '.join(figures.subset)} alone."
    if figures.ranked:
        yield f"Avg. prec.: how well {' and '.join(figures.ranked)} come first when ranked by probability."
    if alarm := figures.alarm:
        yield (
            f"{alarm.label.capitalize()}: {alarm.found:,} of {alarm.texts:,} found; "
            f"{alarm.false:,} of {alarm.others:,} others called so."
        )
    if figures.unscored:
        reasons = "; ".join(f"{count:,} {screen.harmless(why)}" for why, count in list(task.reasons.items())[:5])
        yield (
            f"Unscored texts count as missed: {reasons}. Without them: "
            f"macro-F1 {_percent(figures.macro_f1_scored)}, accuracy {_percent(figures.accuracy_scored)}."
        )


def _beside(left: "RenderableType", right: "RenderableType") -> "Table":
    from rich.table import Table

    both = Table.grid(padding=(0, 6, 0, 0))
    both.add_row(left, right)
    return both


def _classes(figures: "Figures") -> "Table":
    from rich.text import Text

    table = screen.table()
    table.add_column("label")
    for name in ("texts", "answered", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for of in figures.classes:
        style = "" if of.texts else "dim"
        shown = [_percent(share) for share in (of.precision, of.recall)]
        table.add_row(
            Text(of.label, style), f"{of.texts:,}", f"{of.answered:,}", *shown, Text(_percent(of.f1), _grade(of.f1)),
            style=style,
        )  # fmt: skip
    return table


def _cut_offs(figures: "Figures") -> "Table":
    table = screen.table()
    for name in ("less sure than", "to review", "rest: accuracy", "macro-F1"):
        table.add_column(name, justify="right")
    for row in figures.cut_offs:
        table.add_row(
            f"{100 * row.at:.0f}", _percent(row.review), _percent(row.accuracy), _percent(row.macro_f1),
            style="" if row.review < 1 else "dim",
        )  # fmt: skip
    return table


def _confusion(figures: "Figures", width: int) -> "Sequence[RenderableType]":
    """The matrix with its caption; of one that is too wide, what is confused most often."""
    from rich.text import Text

    matrix = _matrix(figures)
    if _width(matrix) <= width:
        return Text("True in rows, answered in columns", "dim"), matrix
    return Text("Most frequent confusions", "dim"), _confusions(figures)


def _matrix(figures: "Figures") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("")
    wide = len(figures.labels) > FEW_LABELS
    heads = [str(place) for place, _ in enumerate(figures.labels, 1)] if wide else list(figures.labels)
    for name in [*heads, *(["unscored"] if figures.unscored and not wide else ["–"] if figures.unscored else [])]:
        table.add_column(name, justify="right", no_wrap=True, min_width=2)
    for place, (label, row) in enumerate(zip(figures.labels, figures.confusion, strict=True)):
        counts = row if figures.unscored else row[:-1]
        most = max((count for other, count in enumerate(counts) if other != place), default=0)
        cells = [
            Text(f"{count:,}" if count else "·", _shade(count, hit=other == place, most=most))
            for other, count in enumerate(counts)
        ]
        table.add_row(f"{place + 1} {label}" if wide else label, *cells)
    return table


def _confusions(figures: "Figures") -> "Table":
    names = (*figures.labels, "unscored")
    found = [
        (count, label, names[other])
        for place, (label, row) in enumerate(zip(figures.labels, figures.confusion, strict=True))
        for other, count in enumerate(row)
        if count and other != place
    ]
    table = screen.table()
    table.add_column("texts", justify="right")
    table.add_column("true")
    table.add_column("answered")
    for count, label, other in sorted(found, key=lambda one: (-one[0], one[1:]))[:MOST_CONFUSIONS]:
        table.add_row(f"{count:,}", label, other)
    return table


def _width(table: "Table") -> int:
    from rich.console import Console
    from rich.measure import Measurement

    wide = Console(width=1000)
    return Measurement.get(wide, wide.options, table).maximum


def _left_out(report: "Report") -> "Sequence[str]":
    lines = []
    if report.silent:
        lines.append(f"The model says nothing of {' and '.join(report.silent)}: not measured.")
    if report.unlabelled:
        lines.append(f"{screen.counted(report.unlabelled, 'text')} without a label left out.")
    if report.bad:
        count = "1 line or label" if report.bad == 1 else f"{report.bad:,} lines or labels"
        lines.append(f"{count} could not be read: named on stderr.")
    return lines


def _shade(count: int, *, hit: bool, most: int) -> str:
    if hit:
        return "bold green" if count else "dim"
    if not count:
        return "dim"
    return "red" if count == most else ""


def _grade(share: float) -> str:
    return "green" if share >= _GOOD else "yellow" if share >= _FAIR else "red"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
