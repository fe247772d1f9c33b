"""The compose files as docker compose reads them."""

from pathlib import Path
from typing import Any

import yaml

from tests.kit.docs import ROOT

Json = dict[str, Any]
CLUSTER = ROOT / "docker-compose.yml"
ONE_PROCESS = ROOT / "deploy" / "compose" / "one-process.yml"
FILES = (CLUSTER, ONE_PROCESS)
PROCESSES = ("ingest", "process", "index", "alert", "serve")
"""The long-running processes of Tocsin in the cluster."""
ONCE = ("elasticsearch-setup", "kibana-setup", "topics")
"""What runs once and ends."""
MEBIBYTE = 1024 * 1024


def compose(file: Path = CLUSTER) -> Json:
    """A file with its anchors resolved."""
    loaded: Json = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


def services(file: Path = CLUSTER) -> dict[str, Json]:
    """Its services by name."""
    found: dict[str, Json] = compose(file)["services"]
    return found


def memory(service: Json) -> int:
    """What a service may use, in bytes."""
    written = service["mem_limit"]
    return int(written[:-1]) * {"m": MEBIBYTE, "g": 1024 * MEBIBYTE}[written[-1]]
