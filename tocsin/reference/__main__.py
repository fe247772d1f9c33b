"""`python -m tocsin.reference FOLDER` writes the reference pages; with `--check` it fails when one is stale."""

from pathlib import Path

import click

from tocsin.reference.pages import PAGES


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; fail when a page differs from the code.")
def reference(folder: Path, *, check: bool) -> None:
    """Write or check the reference pages in FOLDER."""
    fresh = {folder / name: write() for name, write in PAGES.items()}
    stale = [path for path, text in fresh.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if check:
        if stale:
            raise click.ClickException(f"stale: {', '.join(map(str, stale))}: run `make docs` and commit the result")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(fresh[path], encoding="utf-8")
        click.echo(f"wrote {path}")


if __name__ == "__main__":
    reference()
