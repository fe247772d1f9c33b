"""Looks into a file before it is trusted: is it what config says, does it have the columns?"""

from itertools import islice
from pathlib import Path

from domain.errors import SourceMisconfigured
from ingest.records import values
from ingest.records.formats import Reading, open_rows
from ingest.records.row import START, RowFile, Unreadable

MOST_FILES = 10_000

_UNFINISHED = ".part"
_SAMPLE = 100
_SHOWN = 40


def matching(path: str) -> list[Path]:
    """Return the files of a path or pattern, in order of name. Raises SourceMisconfigured when there are none.

    Files that are still being written (*.part) are left alone.
    """
    plain = Path(path).expanduser()
    if plain.is_file() and plain.suffix != _UNFINISHED:
        return [plain]
    if plain.is_dir():
        raise SourceMisconfigured(f"{path} is a folder; write a pattern such as {path.rstrip('/')}/*.jsonl")
    root = Path(plain.anchor) if plain.is_absolute() else Path()
    pattern = str(plain.relative_to(root) if plain.is_absolute() else plain)
    found = sorted(file for file in root.glob(pattern) if file.is_file() and file.suffix != _UNFINISHED)
    if not found:
        raise SourceMisconfigured(f"there is no file {path}; check `path` (relative to where tocsin is started)")
    if len(found) > MOST_FILES:
        raise SourceMisconfigured(
            f"{len(found):,} files match {path}; one source takes {MOST_FILES:,}: narrow `path`"
        )
    return found


def check_columns(path: Path, reading: Reading) -> tuple[str, ...]:
    """Return the columns found. Raises SourceMisconfigured when needed or mapped ones are not there, and Unreadable.

    JSON objects leave out what they lack, so the first hundred that are no deletions are looked at together.
    """
    rows = open_rows(path, reading)
    try:
        header = rows.columns()
        found = _sampled(rows, reading) if header is None else header
    finally:
        rows.close()
    missing = reading.columns.missing(found, optional_too=header is not None) if found else []
    if not missing:
        return found
    field = missing[0][0]
    lacking = " and ".join(f"`{column}`" for _, column in missing)
    shown = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
    raise SourceMisconfigured(
        f"{path} has no column {lacking}; it has: {shown}. Say which one is the {field}: "
        f'map = {{ {field} = "COLUMN" }}'
    )


def _sampled(rows: RowFile, reading: Reading) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for row in islice(rows.rows(START), _SAMPLE):
        if row.values is not None and not values.flag(reading.columns.read(row.values).get("deleted")):
            names.update(dict.fromkeys(row.values))
    return tuple(names)


def refuse(path: Path, error: OSError | Unreadable) -> SourceMisconfigured:
    """Say to a person why a file cannot be read at all."""
    why = error.strerror or "cannot be read" if isinstance(error, OSError) else str(error)
    return SourceMisconfigured(f"{path}: {why}")
