"""The real recorded stream of six airlines, where it is at hand, and a configuration that listens to it."""

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

STREAM = Path(__file__).parents[3] / "shared" / "data" / "en_airline.days1-5.jsonl.gz"

NETWORK = "file"
"""Rows that name no network are of this one."""
QUERIES = {
    "United": "united OR @united",
    "Southwest": "southwest OR southwestair OR @southwestair",
    "US Airways": '"us airways" OR usairways OR @usairways',
    "Delta": "delta OR @delta OR jetblue OR @jetblue",
    "Virgin America": '"virgin america" OR virginamerica OR @virginamerica',
    "American": '"american airlines" OR americanair OR @americanair',
}

needs_stream = pytest.mark.skipif(not STREAM.exists(), reason="needs the recorded airline stream in ../shared/data")


def account(brand: str) -> str:
    """The handle of a brand's own account."""
    return f"{brand.replace(' ', '').lower()}_help"


def brands_and_source(stream: Path = STREAM) -> str:
    """Write what is listened for and to: six brands in the stream, each with an account of its own."""
    brands = "".join(
        f"[[brand]]\nname = {json.dumps(name)}\nquery = {json.dumps(query)}\n"
        f"accounts = [{json.dumps(f'{NETWORK}:{account(name)}')}]\n"
        for name, query in QUERIES.items()
    )
    return f"""{brands}
[[source]]
kind = "replay"
name = "airlines"
path = {json.dumps(str(stream))}
page_size = 50
"""


def configuration(database: Path, receiver: str, *, stream: Path = STREAM, extra: str = "") -> str:
    """Write tocsin.toml for the stream: six brands, the usual rules, one signed webhook receiver."""
    return f"""
[storage]
path = {json.dumps(str(database))}
[console]
port = 0
{brands_and_source(stream)}
[[receiver]]
kind = "webhook"
name = "desk"
url = {json.dumps(receiver)}
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[route]]
receiver = "desk"
severity = "minor"
{extra}
"""


def rows() -> list[dict[str, Any]]:
    """Read every row of the stream."""
    with gzip.open(STREAM, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def answered(stream: Path, *, of: int = 40) -> None:
    """Write the stream as it might have gone on: one in so many posts is counted anew, one answered by its brand."""
    with gzip.open(stream, "wt", encoding="utf-8") as lines:
        for number, row in enumerate(rows()):
            said = [row]
            if number % of == 0:
                said.append(row | {"likes": number, "reposts": 3})
            if number % of == 1:
                said += replies(row)
            lines.writelines(json.dumps(one) + "\n" for one in said)


def replies(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Two replies of the brand to a post; the one that was written first stands last."""
    made = []
    for minutes in (30, 7):
        at = datetime.fromisoformat(row["created_at"]) + timedelta(minutes=minutes)
        made.append(
            {
                "id": f"{row['id']}-{minutes}",
                "text": "We are sorry, write to us",
                "created_at": at.isoformat(),
                "author_handle": account(row["brand"]),
                "reply_to": row["id"],
            }
        )
    return made
