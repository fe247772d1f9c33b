"""`tocsin incidents`: what people were told about, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from domain.errors import TocsinError
from tocsin.cli.options import config_option, epilog, json_option, load_config

if TYPE_CHECKING:
    from domain.incident import Incident
    from storage.store import MentionStore

SHORT = 10
"""Characters of an id that a person copies; `show` takes any unambiguous beginning."""


@click.group(
    "incidents",
    invoke_without_command=True,
    epilog=epilog("tocsin incidents --status open", "tocsin incidents show 4be0c2"),
)
@config_option
@click.option("--brand", default="", help="Only this brand.")
@click.option("--status", type=click.Choice(["open", "acknowledged", "resolved"]), help="Only those that stand so.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    config_file: Path | None,
    brand: str,
    status: Literal["open", "acknowledged", "resolved"] | None,
    limit: int,
    as_json: bool,
) -> int:
    """List incidents, or show one with its reasons and evidence."""
    ctx.obj = config_file
    if ctx.invoked_subcommand is not None:
        return 0
    from tocsin.cli import screen
    from tocsin.cli.stored import stored

    with stored(load_config(config_file)) as store:
        found = store.incidents(brand=brand, status=status or "", limit=limit)
    if as_json:
        screen.print_json(found)
    elif found:
        _table(found)
    else:
        screen.messages().print("No incidents. `tocsin stats` shows whether mentions come in at all.")
    return 0


def _table(found: "list[Incident]") -> None:
    from rich.text import Text

    from tocsin.cli import screen

    table = screen.table()
    table.add_column("Id", no_wrap=True)
    table.add_column("Opened", no_wrap=True)
    table.add_column("Brand", overflow="fold", min_width=12)
    table.add_column("Severity", no_wrap=True)
    table.add_column("Status", no_wrap=True)
    table.add_column("Mentions", justify="right", no_wrap=True)
    table.add_column("Rules", overflow="ellipsis", no_wrap=True, ratio=1)
    for incident in found:
        rules = list(dict.fromkeys(alert.rule for alert in incident.alerts))
        table.add_row(
            Text(incident.id[:SHORT], "cyan"),
            screen.when(incident.opened_at),
            Text(screen.harmless(incident.brand), "bold"),
            Text(incident.severity, screen.SEVERITY_STYLES[incident.severity]),
            Text(incident.status, screen.STATUS_STYLES[incident.status]),
            f"{incident.mentions:,}",
            Text(screen.harmless(", ".join(rules))),
        )
    screen.out().print(table)
    screen.messages().print("`tocsin incidents show ID` tells why.", style="dim")


@command.command("show", epilog=epilog("tocsin incidents show 4be0c2"))
@click.argument("incident_id", metavar="ID")
@config_option
@json_option
@click.pass_obj
def show(above: Path | None, *, incident_id: str, config_file: Path | None, as_json: bool) -> int:
    """Show one incident: why it rang, the evidence, and what happened since."""
    from tocsin.cli import screen
    from tocsin.cli.incident_page import print_incident
    from tocsin.cli.stored import stored

    with stored(load_config(config_file or above)) as store:
        incident = _find(store, incident_id)
    if as_json:
        screen.print_json([incident])
    else:
        print_incident(screen.out(), incident)
    return 0


def _find(store: "MentionStore", beginning: str) -> "Incident":
    """The incident whose id is or begins so; raises TocsinError when there is none or more than one."""
    exact = store.incident(beginning)
    if exact is not None:
        return exact
    near = [incident for incident in store.incidents(limit=1000) if incident.id.startswith(beginning.lower())]
    if len(near) == 1:
        return near[0]
    if near:
        raise TocsinError(f"{len(near)} incidents begin with {beginning}: write more of the id")
    raise TocsinError(f"there is no incident {beginning}: `tocsin incidents` lists them")
