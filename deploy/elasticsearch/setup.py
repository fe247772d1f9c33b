"""Give Elasticsearch the users of docker-compose.yml: Kibana's password, Tocsin and an analyst with few rights.

Run again, it sets the same passwords and rights. Standard library only. Passwords and the authority are files of
`--secrets`, as docker-compose.yml lays them out under /run/secrets.
"""

import argparse
import base64
import json
import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ROLES: dict[str, dict[str, Any]] = {
    # What the processes do: lay out their own indices, templates and aliases, write and search them, nothing else.
    "tocsin": {
        "cluster": ["monitor", "manage_index_templates"],
        "indices": [{"names": ["tocsin-*"], "privileges": ["read", "write", "maintenance", "manage"]}],
    },
    # Reads what Tocsin wrote, and makes dashboards of it in the default space of Kibana.
    "tocsin_analyst": {
        "cluster": [],
        "indices": [
            {
                "names": [
                    "tocsin-mentions*",
                    "tocsin-incidents",
                    "tocsin-alerts",
                    "tocsin-near-misses",
                    "tocsin-dead-letters",
                    "tocsin-acts",
                ],
                "privileges": ["read", "view_index_metadata"],
            }
        ],
        "applications": [
            {"application": "kibana-.kibana", "privileges": ["space_all"], "resources": ["space:default"]}
        ],
    },
}


class Elasticsearch:
    """Its API, as the superuser."""

    def __init__(self, url: str, *, secrets: Path) -> None:
        self._url = url
        self._secrets = secrets
        self._trust = ssl.create_default_context(cafile=str(secrets / "ca")) if url.startswith("https:") else None
        login = base64.b64encode(f"elastic:{self.secret('elastic_password')}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

    def secret(self, name: str) -> str:
        """The content of a file of the secrets."""
        return (self._secrets / name).read_text(encoding="utf-8").strip()

    def put(self, path: str, body: dict[str, Any]) -> None:
        """Send a body; raises HTTPError for a refusal."""
        request = Request(self._url + path, json.dumps(body).encode(), self._headers, method="PUT")  # noqa: S310  # the operator's own address
        with urlopen(request, timeout=30, context=self._trust):  # noqa: S310  # the same
            pass


def set_up(elastic: Elasticsearch) -> None:
    """Make roles and users, or bring them back to what stands here."""
    elastic.put("/_security/user/kibana_system/_password", {"password": elastic.secret("kibana_system_password")})
    for name, rights in ROLES.items():
        elastic.put(f"/_security/role/{name}", rights)
    for user, role, secret in (
        ("tocsin", "tocsin", "tocsin_elasticsearch_password"),
        ("analyst", "tocsin_analyst", "analyst_password"),
    ):
        elastic.put(f"/_security/user/{user}", {"password": elastic.secret(secret), "roles": [role]})


def main(arguments: Sequence[str] | None = None) -> int:
    """Try for two minutes: Elasticsearch may listen before its security index is there."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--url", default="https://elasticsearch:9200")
    words.add_argument("--secrets", type=Path, default=Path("/run/secrets"))
    words.add_argument("--seconds", type=float, default=120)
    given = words.parse_args(arguments)
    until = time.monotonic() + given.seconds
    while True:
        try:
            set_up(Elasticsearch(given.url, secrets=given.secrets))
        except HTTPError as refusal:
            said = f"{refusal.code} {refusal.read(500).decode(errors='replace')}"
            # A wrong password or a wrong body is as wrong in a minute.
            if refusal.code in {400, 401, 403} or time.monotonic() > until:
                print(f"setup: Elasticsearch refuses: {said}", file=sys.stderr)
                return 1
        except (URLError, OSError) as failure:
            if time.monotonic() > until:
                print(f"setup: cannot reach Elasticsearch: {failure}", file=sys.stderr)
                return 1
        else:
            print("setup: the users kibana_system, tocsin and analyst are there", file=sys.stderr)
            return 0
        time.sleep(2)


if __name__ == "__main__":
    sys.exit(main())
