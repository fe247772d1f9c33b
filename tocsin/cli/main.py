"""`tocsin VERB`: finds the verb's file, calls it, and turns whatever goes wrong into a sentence and an exit code.

Exit codes: 0 done, 1 something failed, 2 the command line or the configuration is wrong, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click

from domain.errors import ConfigError, QueryError, TocsinError

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


class Verb(NamedTuple):
    """Where a verb lives and what it does; known without importing it, so that `tocsin --help` is instant."""

    module: str
    does: str


VERBS: dict[str, Verb] = {
    "demo": Verb("tocsin.cli.demo", "See it all on shipped examples: mentions, a crisis, an alert with its reason."),
    "init": Verb("tocsin.cli.init", "Write a commented tocsin.toml to start from."),
    "check-config": Verb("tocsin.cli.check_config", "Check tocsin.toml and name every mistake at once."),
    "doctor": Verb("tocsin.cli.doctor", "Reach every source, model, store and receiver once."),
    "try": Verb("tocsin.cli.try_sources", "Fetch once and show what would match; store nothing, notify nobody."),
    "run": Verb("tocsin.cli.run", "Listen, judge, store and alert until stopped."),
    "mentions": Verb("tocsin.cli.mentions", "Search what was heard."),
    "correct": Verb("tocsin.cli.correct", "Correct what the model said of a mention, or confirm it."),
    "corrections": Verb("tocsin.cli.corrections", "Export what people corrected, for training."),
    "incidents": Verb("tocsin.cli.incidents", "List incidents, or show one with its reasons and evidence."),
    "stats": Verb("tocsin.cli.stats", "Compare brands: share of voice, sentiment, urgency."),
    "backfill": Verb("tocsin.cli.backfill", "Load history from files without waking anyone."),
    "topics": Verb("tocsin.cli.topics", "Create a cluster's topics in Kafka."),
    "ingest": Verb("tocsin.cli.ingest", "Listen to the sources and pass on to a cluster what they bring."),
    "process": Verb("tocsin.cli.process", "Find brands in a cluster's posts and judge what is said."),
    "alert": Verb("tocsin.cli.alert", "Run the rules on a cluster's mentions, and notify."),
    "index": Verb("tocsin.cli.index", "Write a cluster's mentions and dead letters into Elasticsearch."),
    "serve": Verb("tocsin.cli.serve", "Serve the HTTP API of a cluster."),
    "migrate": Verb("tocsin.cli.migrate", "Move what one process kept to a cluster."),
    "classify": Verb("tocsin.cli.classify", "Judge texts: JSON lines in, the same lines judged out."),
    "evaluate": Verb("tocsin.cli.evaluate", "Measure the judge on labelled texts."),
    "explain": Verb("tocsin.cli.explain", "Show which words weighed most in a judgement."),
    "match": Verb("tocsin.cli.match", "Find brands in posts: JSON lines in, matches out."),
    "dead-letters": Verb("tocsin.cli.dead_letters", "List what could not be processed, or replay it."),
    "version": Verb("tocsin.cli.version", "Print the version."),
}


class ReaderGone(Exception):
    """Whoever read the output (head, less) has seen enough."""


class Verbs(click.Group):
    """A click group that imports a verb's module when that verb is called."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but a closed pipe is no failure: left to itself, click would end with 1."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        return answer

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """In the order in which a newcomer needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import one verb."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command = import_module(verb.module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.module}.command is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest verb named when there is none of that name."""
        if args[0] not in VERBS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, n=1)
            remedy = f'did you mean "{near[0]}"?' if near else "see `tocsin --help`."
            ctx.fail(f'There is no command "{args[0]}": {remedy}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """List the verbs from the table above instead of importing them all."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.does) for name, verb in VERBS.items()])


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with `tocsin demo`, then `tocsin init`.",
)
def tocsin() -> None:
    """Hear what people say about a brand, judge it, and ring the right person with the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; called by the installed `tocsin` with no arguments."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter must not end the work.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        answer = tocsin.main(arguments, prog_name="tocsin", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ReaderGone:
        # Python would complain once more at exit, so what is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (click.ClickException, TocsinError, BaseExceptionGroup) as error:
        return _explain(error)
    return answer if isinstance(answer, int) else DONE


def _explain(error: BaseException) -> int:
    """Say on stderr what went wrong; what Tocsin did not raise on purpose is a bug and goes on with its traceback."""
    match error:
        case click.ClickException():
            error.show()
            return error.exit_code
        case ConfigError():
            for problem in error.problems:
                click.echo(problem, err=True)
            click.echo(_count(len(error.problems)), err=True)
            return MISUSED
        case QueryError():
            click.echo(f"query: {error}", err=True)
            return MISUSED
        case TocsinError():
            click.echo(f"tocsin: {error}", err=True)
            return FAILED
        case BaseExceptionGroup():
            # Tasks that run together fail together; only what they say counts.
            purposeful, bugs = error.split(TocsinError)
            if purposeful is None or bugs is not None:
                raise error
            return max(_explain(each) for each in purposeful.exceptions)
    raise error


def _count(problems: int) -> str:
    return "The configuration has 1 mistake." if problems == 1 else f"The configuration has {problems} mistakes."


if __name__ == "__main__":
    sys.exit(main())
