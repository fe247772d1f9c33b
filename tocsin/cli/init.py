"""`tocsin init`: a commented tocsin.toml to start from."""

import json
import sys
import tomllib
from pathlib import Path

import click

from tocsin.cli.options import epilog

TEMPLATE = """\
# Tocsin's configuration. Check it with `tocsin check-config`, look at what it brings with `tocsin try`,
# then start with `tocsin run`. Every setting: docs/reference/config.md.

# ---- What to listen for: one [[brand]] for each. -----------------------------------------------------------
{brands}
# The query finds the brand: words match all their forms (Russian, Kazakh, Czech, Arabic, English), "..." keeps words
# together; AND OR NOT, brackets, lang:ru, network:mastodon. Without a query, the name is looked for.
# query = '"aurora air" OR auroraair OR @auroraair OR "Аврора Эйр"'
# accounts = ["mastodon:auroraair"]     # the brand's own accounts: what they say is no mention
# rivals = ["Borealis Jet"]             # compared with it in `tocsin stats`

# ---- Where to listen: one [[source]] for each. -------------------------------------------------------------
{sources}
# More kinds of source, most of them without a key:
# [[source]]
# kind = "file"                         # history or exports: CSV, JSON lines, Parquet, also .gz and .zst
# name = "history"
# path = "posts.jsonl"

# ---- Who is told: without a [[receiver]], alerts ring on this terminal. ------------------------------------
# [[receiver]]
# kind = "slack"
# name = "duty"
# token_env = "SLACK_TOKEN"             # a secret is x = "...", x_env = "VARIABLE" or x_file = "path"
# channel = "#reputation"
# language = "en"                       # ru, kk, cs, ar or en
#
# [[route]]                             # without a [[route]], every receiver gets major and above
# receiver = "duty"
# severity = "major"                    # minor, major or critical

# ---- When to ring: without a [[rule]], the usual rules are on (critical_mention, spike, influencer). -------
# [[rule]]
# kind = "spike"

[storage]
path = "tocsin.db"

[console]
host = "127.0.0.1"                      # anything else needs a token: token_env = "TOCSIN_CONSOLE_TOKEN"
port = 8686
"""

EXAMPLE_BRAND = "Aurora Air"
NO_FEED = """\
# [[source]]
# kind = "rss"                          # RSS, Atom or JSON Feed: news, blogs, forums
# name = "news"
# url = "https://example.org/feed.xml"
"""


@click.command(
    "init",
    epilog=epilog(
        'tocsin init --brand "Aurora Air" --feed https://example.org/news.xml --feed https://example.org/blog.atom'
    ),
)
@click.option("--brand", "brands", multiple=True, metavar="NAME", help="A brand to listen for; may be repeated.")
@click.option("--feed", "feeds", multiple=True, metavar="URL", help="An RSS, Atom or JSON feed; may be repeated.")
@click.option(
    "--config", "-c", "file", type=click.Path(path_type=Path), default=Path("tocsin.toml"), show_default=True,
    metavar="FILE", help="Where to write it.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def command(*, brands: tuple[str, ...], feeds: tuple[str, ...], file: Path, force: bool) -> None:
    """Write a commented tocsin.toml to start from; a brand and a feed or two are enough for real mentions."""
    if file.exists() and not force:
        raise click.UsageError(f"{file} is there already: --force replaces it, --config writes to another place.")
    if not brands and sys.stdin.isatty():
        brands, feeds = _asked(feeds)
    text = _text(brands or (EXAMPLE_BRAND,), feeds)
    _check(text, file)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise click.UsageError(f"cannot write {file}: {failure.strerror}.") from None
    click.echo(f"Wrote {file}.", err=True)
    if not brands:
        click.echo(f'It listens for "{EXAMPLE_BRAND}", an invented brand: put yours in its place.', err=True)
    first = "Next: `tocsin try` shows what would match now, `tocsin run` listens."
    click.echo(first if feeds else "Next: add a [[source]], then `tocsin try`, then `tocsin run`.", err=True)


def _asked(feeds: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    brand = click.prompt("Brand to listen for", default=EXAMPLE_BRAND, err=True)
    found = list(feeds)
    while not feeds:
        url = click.prompt("Address of a feed (empty: no more)", default="", show_default=False, err=True)
        if not url:
            break
        found.append(url)
    return (brand,), tuple(found)


def _text(brands: tuple[str, ...], feeds: tuple[str, ...]) -> str:
    brand_tables = "\n".join(f"[[brand]]\nname = {_quoted(brand)}" for brand in brands)
    if len(feeds) == 1:
        addresses = f"url = {_quoted(feeds[0])}"
    else:
        addresses = "urls = [\n" + "".join(f"    {_quoted(feed)},\n" for feed in feeds) + "]"
    sources = f'[[source]]\nkind = "rss"\nname = "news"\n{addresses}\n' if feeds else ""
    return TEMPLATE.format(brands=brand_tables, sources=sources or NO_FEED)


def _quoted(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError("the command line is not valid UTF-8.") from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _check(text: str, file: Path) -> None:
    """Raise ConfigError before anything is written, so that what `init` leaves always passes `check-config`."""
    from tocsin.config import parse

    parse(tomllib.loads(text), folder=file.absolute().parent, file=file)
