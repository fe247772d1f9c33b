"""The real recorded stream of six airlines, where it is at hand, and a configuration that listens to it."""

import gzip
import json
from pathlib import Path

import pytest

STREAM = Path(__file__).parents[3] / "shared" / "data" / "en_airline.days1-5.jsonl.gz"

QUERIES = {
    "United": "united OR @united",
    "Southwest": "southwest OR southwestair OR @southwestair",
    "US Airways": '"us airways" OR usairways OR @usairways',
    "Delta": "delta OR @delta OR jetblue OR @jetblue",
    "Virgin America": '"virgin america" OR virginamerica OR @virginamerica',
    "American": '"american airlines" OR americanair OR @americanair',
}

needs_stream = pytest.mark.skipif(not STREAM.exists(), reason="needs the recorded airline stream in ../shared/data")


def brands_and_source(stream: Path = STREAM) -> str:
    """Write what is listened for and to: six brands in the stream."""
    brands = "".join(
        f"[[brand]]\nname = {json.dumps(name)}\nquery = {json.dumps(query)}\n" for name, query in QUERIES.items()
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


def rows() -> list[dict[str, object]]:
    """Read every row of the stream."""
    with gzip.open(STREAM, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
