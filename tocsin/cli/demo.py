"""`tocsin demo`: the whole pipeline on shipped examples. No keys, no services, nothing left behind."""

import asyncio
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.options import epilog

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from domain.incident import Notification
    from domain.mention import Mention
    from storage.store import Commit
    from tocsin.bootstrap import App
    from tocsin.config import Config

CALM, BUSY, RING = 0.07, 0.15, 2.5
"""Seconds between mentions, between urgent ones, and after an alert: the whole stays well under a minute."""

FEWEST_TEXT_CELLS = 12
URGENT = frozenset({"high", "critical"})
NEXT = (
    ("tocsin init --brand NAME --feed URL --feed URL", "listen for yours: news and blogs need no key"),
    ("tocsin try", "see what would match, before anything runs"),
    ("tocsin run", "and let it ring"),
)
SHORT = {"negative": "neg", "neutral": "neu", "positive": "pos", "unscored": "  ?"}


@click.command("demo", epilog=epilog("tocsin demo", "tocsin demo --fast"))
@click.option("--fast", is_flag=True, help="No pauses; so it is anyway when the output is no terminal.")
def command(*, fast: bool) -> int:
    """See it all on shipped examples: mentions pass, a crisis builds, an alert rings with its reason.

    The brands are invented, the database is temporary, nobody is notified. It takes well under a minute.
    """
    from tocsin.cli import logs

    logs.configure(as_json=False, quiet=True)
    with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as folder, suppress(KeyboardInterrupt):
        asyncio.run(_play(_configuration(Path(folder)), paused=not fast and sys.stdout.isatty()))
        return 0
    return 130


def _configuration(folder: Path) -> "Config":
    """The shipped brands, the shipped posts one at a time, the usual rules, a database in `folder`."""
    from tocsin.config import parse
    from tocsin.demo import BRANDS, POSTS

    tables: dict[str, Any] = tomllib.loads(BRANDS.read_text(encoding="utf-8"))
    tables["source"] = [{"kind": "replay", "name": "demo", "path": str(POSTS), "page_size": 1}]
    tables["route"] = [{"receiver": "console", "severity": "major"}]
    # Posts go through one by one, so that the alert rings between the very mentions that it rang between.
    tables["runtime"] = {"batch_size": 1}
    tables["storage"] = {"path": str(folder / "demo.db")}
    tables["console"] = {"port": 0}
    return parse(tables, folder=folder, environ={})


def _silent(config: "Config") -> "App":
    """The application with a receiver that only nods: the demo draws each alert itself, in step with the posts."""
    from tocsin.bootstrap import App

    class Silent:
        """A receiver that takes everything."""

        name = "console"

        async def send(self, notification: "Notification", *, thread: str) -> str:  # noqa: ARG002  # a notifier's signature
            return ""

        async def check(self) -> str:
            return "nobody is told"

    class DemoApp(App):
        """Tells nobody."""

        def notifiers(self) -> dict[str, Any]:
            return {"console": Silent()}

    return DemoApp(config=config)


async def _play(config: "Config", *, paused: bool) -> None:
    from tocsin.cli import screen

    console = screen.out()
    stage = Stage(console, sleep=asyncio.sleep if paused else _no_pause)
    stage.opening(config)
    commits: asyncio.Queue[Commit | None] = asyncio.Queue()
    running = asyncio.create_task(_silent(config).run(until_idle=True, watch=commits.put_nowait))
    running.add_done_callback(lambda _: commits.put_nowait(None))
    try:
        while (commit := await commits.get()) is not None:
            await stage.show(commit)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    running.result()
    stage.closing()


async def _no_pause(_seconds: float) -> None:
    return


@dataclass
class Stage:
    """Draws what the runtime commits, at a pace that can be read."""

    console: "Console"
    sleep: Callable[[float], Awaitable[object]]
    mentions: int = 0
    posts: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    rung: list["Notification"] = field(default_factory=list)

    def opening(self, config: "Config") -> None:
        """Say what will be seen."""
        from rich.text import Text

        brands = ", ".join(brand.name for brand in config.brand)
        self.console.print(Text.assemble(("Tocsin listens for ", "bold"), (brands, "bold cyan")))
        told = "Invented brands and posts: five calm days, then one bad morning. Nothing is kept, nobody is told.\n"
        self.console.print(Text(told, "dim"))

    async def show(self, commit: "Commit") -> None:
        """Draw one transaction: its mentions, then the alerts they led to."""
        self.posts += len(commit.posts)
        for mention in commit.mentions:
            if mention.deleted_at is None:
                self.console.print(line(mention, self.console.width), no_wrap=True, crop=True)
                self.mentions += 1
                self.languages[mention.lang] += 1
                urgent = mention.judgement is not None and mention.judgement.urgency in URGENT
                await self.sleep(BUSY if urgent or self.rung else CALM)
        for notification in commit.notifications:
            self.rung.append(notification)
            self._ring(notification)
            await self.sleep(RING if notification.kind in {"opened", "escalated"} else RING / 2)

    def _ring(self, notification: "Notification") -> None:
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        from tocsin.cli import incident_page, screen

        incident, width = notification.incident, min(self.console.width, 110)
        title = Text.assemble(
            (" 🔔 ", ""), (f" {incident.severity.upper()} ", screen.SEVERITY_STYLES[incident.severity]),
            f"  {notification.kind}  ", (f"{screen.harmless(incident.brand)} ", "bold"),
        )  # fmt: skip
        parts: list[RenderableType] = [*incident_page.why(incident)]
        if notification.kind in {"opened", "escalated"}:
            parts += [Text(), *incident_page.evidence(incident.evidence, width - 4)]
        parts.append(Text(f"Told because: {screen.harmless(notification.why)}", "dim"))
        border = "green" if notification.kind == "resolved" else "red"
        panel = Panel(Group(*parts), title=title, title_align="left", border_style=border, width=width)
        self.console.print()
        self.console.print(panel)
        self.console.print()

    def closing(self) -> None:
        """Count what was seen and say what to do next."""
        from rich.text import Text

        from tocsin.cli import screen

        languages = ", ".join(f"{name} {count}" for name, count in self.languages.most_common())
        told = screen.counted(len(self.rung), "message")
        incidents = screen.counted(len({notification.incident.id for notification in self.rung}), "incident")
        self.console.print(
            Text.assemble(
                (f"{self.posts} posts, {self.mentions} mentions ({languages}): ", "bold"),
                (f"{told} about {incidents}.", "bold"),
            ),
            soft_wrap=True,
        )
        self.console.print(Text("\nWhat to do next", "bold cyan"))
        for command_line, why in NEXT:
            self.console.print(Text(f"  {command_line}\n", "bold").append(f"      {why}", "default"), soft_wrap=True)


def line(mention: "Mention", width: int) -> "Text":
    """One mention on one line, cut to `width` cells."""
    from rich.text import Text

    from tocsin.cli import screen

    sentiment, urgency = screen.judged(mention)
    head = Text.assemble(
        (mention.event_at.astimezone().strftime("%d %b %H:%M"), "cyan"), " ",
        f"{screen.cut(mention.post.network, 9):<9} ", (f"{screen.cut(mention.brand, 12):<12}", "bold"),
        f" {mention.lang:<3} ", (SHORT[sentiment.plain], sentiment.style), " ",
    )  # fmt: skip
    if urgency.plain in URGENT:
        # Most mentions are ordinary: only the others say so, and leave the room to the text.
        head.append(f" {urgency.plain} ", urgency.style).append(" ")
    room = max(width - head.cell_len - 1, FEWEST_TEXT_CELLS)
    return head.append(screen.cut(mention.post.wording, room))
