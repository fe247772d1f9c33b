"""Each reference page as a function from the code to Markdown."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click
from pydantic import BaseModel

from alerting.incidents import RouteConfig
from alerting.notifiers.registry import RECEIVERS
from alerting.rules.registry import RULES, USUAL_RULES
from domain import errors
from domain.integration import Integration
from ingest.registry import SOURCES
from tocsin.cli.main import tocsin
from tocsin.config.models import BrandConfig
from tocsin.config.read import SECTIONS
from tocsin.metrics import Metrics
from tocsin.reference.asked import openapi
from tocsin.reference.markdown import cleaned, code, page, prose, table
from tocsin.reference.settings import keys
from tocsin.reference.topics import asyncapi

KIND = frozenset({"kind"})


def sources() -> str:
    """Every kind of source."""
    return page(
        "Sources",
        "A `[[source]]` is a configured connector to a network. `kind` says which; `name` is yours and unique. "
        "*Verified live* is when somebody last ran it against the real network with a real key.",
        table(
            ("kind", "what it is", "verified live"),
            ((f"[{code(kind)}](#{kind})", one.summary, one.verified) for kind, one in sorted(SOURCES.items())),
        ),
        *_integrations(SOURCES),
    )


def rules() -> str:
    """Every kind of rule."""
    usual = ", ".join(code(str(rule["kind"])) for rule in USUAL_RULES)
    return page(
        "Rules",
        "A `[[rule]]` decides when mentions become an alert. With no `[[rule]]` at all the usual ones are on: "
        f"{usual}.",
        _summaries(RULES),
        *_integrations(RULES),
    )


def receivers() -> str:
    """Every kind of receiver."""
    return page(
        "Receivers",
        "A `[[receiver]]` is where notifications go. With no `[[receiver]]` at all they go to the terminal.",
        _summaries(RECEIVERS),
        *_integrations(RECEIVERS),
    )


def _summaries(known: Mapping[str, Integration]) -> str:
    return table(
        ("kind", "what it is"),
        ((f"[{code(kind)}](#{kind})", one.summary) for kind, one in sorted(known.items())),
    )


def _integrations(known: Mapping[str, Integration]) -> Iterator[str]:
    for kind, integration in sorted(known.items()):
        module = integration.load()
        yield f"## {kind}"
        yield prose(module.__doc__)
        said = prose(module.Config.__doc__)
        yield "" if said in prose(module.__doc__) else said
        yield keys(module.Config, without=KIND, name_is_kind=kind)


def config() -> str:
    """Every other section of tocsin.toml."""
    sections: dict[str, type[BaseModel]] = {"[[brand]]": BrandConfig, "[[route]]": RouteConfig}
    sections |= {f"[{name}]": model for name, model in SECTIONS.items()}
    parts = [part for title, model in sections.items() for part in (f"## {title}", prose(model.__doc__), keys(model))]
    return page(
        "Configuration",
        "One file, `tocsin.toml`. [Sources](sources.md), [rules](rules.md) and [receivers](receivers.md) have pages "
        "of their own; how to use the file is in [Configure Tocsin](../how-to/configure.md).",
        "Layers, the later one wins: defaults, the file, the environment (`TOCSIN_CONSOLE__PORT=8000` is `port` of "
        "`[console]`), flags. A secret is given as `x`, or in an environment variable named by `x_env`, or in a file "
        "named by `x_file`. Unknown keys are refused.",
        *parts,
    )


def cli() -> str:
    """Every command with its arguments and options."""
    context = click.Context(tocsin, info_name="tocsin")
    found = list(_commands(tocsin, context))
    return page(
        "Command line",
        "`tocsin VERB --help` says the same. Exit status: 0 done, 1 something failed, 2 the command line or the "
        "configuration is wrong, 130 interrupted. Messages go to stderr, results to stdout.",
        table(("command", "does"), ((f"[{code(c.command_path)}](#{_anchor(c)})", _summary(c)) for c in found)),
        *(part for c in found for part in _command(c)),
    )


def _commands(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    if not isinstance(command, click.Group):
        yield context
        return
    if command.invoke_without_command:
        yield context
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None and not inner.hidden:
            yield from _commands(inner, click.Context(inner, info_name=name, parent=context))


def _anchor(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _summary(context: click.Context) -> str:
    return context.command.get_short_help_str(limit=200)


def _command(context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}"
    yield cleaned(context.command.help)
    yield f"```text\n{context.command_path} {' '.join(context.command.collect_usage_pieces(context))}\n```"
    if context.command.epilog:
        yield f"```text\n{cleaned(context.command.epilog)}\n```"
    records = [
        record
        for parameter in context.command.get_params(context)
        if "--help" not in parameter.opts and (record := parameter.get_help_record(context))
    ]
    yield table(("option", "what it does"), ((code(flag), text) for flag, text in records))


def http() -> str:
    """Every path of the HTTP side, from its own OpenAPI document."""
    document = openapi()
    rows = [
        (method.upper(), code(path), str(said.get("summary") or ""), _parameters(said))
        for path, methods in sorted(document["paths"].items())
        for method, said in sorted(methods.items())
    ]
    return page(
        "HTTP",
        "`tocsin run` serves this at the address of `[console]`, by default http://127.0.0.1:8686. The whole "
        "description is at `/schema/openapi.json`.",
        table(("method", "path", "what it does", "parameters"), rows),
    )


def _parameters(said: Mapping[str, Any]) -> str:
    return ", ".join(code(str(one["name"])) for one in said.get("parameters", ()))


def metrics() -> str:
    """Every metric."""
    measured = [family for family in Metrics().registry.collect() if family.name.startswith("tocsin_")]
    rows = []
    for family in sorted(measured, key=lambda one: one.name):
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(
            (code(name), family.type, ", ".join(code(one) for one in _labels(family.name)), family.documentation)
        )
    return page(
        "Metrics",
        "At `/metrics`, in Prometheus' text format. Beside these are the usual metrics of the process and of Python.",
        table(("metric", "type", "labels", "what it counts"), rows),
    )


def _labels(name: str) -> tuple[str, ...]:
    for metric in vars(Metrics()).values():
        if getattr(metric, "_name", None) == name:
            labels: tuple[str, ...] = metric._labelnames  # noqa: SLF001  # the library has no public way to ask
            return labels
    return ()


def error_pages() -> str:
    """The tree of errors and what each orders."""
    rows = [
        (f"{'&nbsp;' * 4 * depth}{code(kind.__name__)}", prose(kind.__doc__))
        for kind, depth in _tree(errors.TocsinError, 0)
    ]
    return page(
        "Errors",
        "An error tells the runtime what to do. A person sees its sentence, never a traceback.",
        f"```text\n{prose(errors.__doc__)}\n```",
        table(("error", "meaning"), rows),
    )


def _tree(kind: type[Exception], depth: int) -> Iterator[tuple[type[Exception], int]]:
    yield kind, depth
    for inner in kind.__subclasses__():
        if inner.__module__ == errors.__name__:
            yield from _tree(inner, depth + 1)


PAGES: Mapping[str, Callable[[], str]] = {
    "sources.md": sources,
    "rules.md": rules,
    "receivers.md": receivers,
    "config.md": config,
    "cli.md": cli,
    "http.md": http,
    "metrics.md": metrics,
    "errors.md": error_pages,
    "asyncapi.json": asyncapi,
}
