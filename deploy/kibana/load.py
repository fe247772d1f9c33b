"""Import saved objects into Kibana and say what it answered: `load.py tocsin.ndjson`.

Objects with the same id are replaced. Standard library only; the password of `elastic` is a file of `--secrets`.
"""

import argparse
import base64
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

NOT_YET = frozenset({502, 503, 504})


def load(url: str, objects: bytes, *, user: str, password: str) -> dict[str, Any]:
    """Send the file as a browser's form would; return Kibana's answer, `success` and `errors` in it.

    Raises HTTPError and URLError.
    """
    boundary = uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="tocsin.ndjson"\r\n'
    body = f"{head}Content-Type: application/x-ndjson\r\n\r\n".encode() + objects + f"\r\n--{boundary}--\r\n".encode()
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = Request(  # noqa: S310  # the operator's own address
        f"{url}/api/saved_objects/_import?overwrite=true",
        body,
        {
            "Authorization": f"Basic {login}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            # Kibana takes no write without it.
            "kbn-xsrf": "tocsin",
        },
    )
    with urlopen(request, timeout=60) as answer:  # noqa: S310  # the same
        said: dict[str, Any] = json.load(answer)
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    """Try for three minutes while Kibana comes up."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("file", type=Path)
    words.add_argument("--url", default="http://kibana:5601")
    words.add_argument("--user", default="elastic")
    words.add_argument("--secrets", type=Path, default=Path("/run/secrets"))
    words.add_argument("--seconds", type=float, default=180, help="how long to wait for Kibana")
    words.add_argument("--pause", type=float, default=3, help="seconds between tries")
    given = words.parse_args(arguments)
    password = (given.secrets / "elastic_password").read_text(encoding="utf-8").strip()
    until = time.monotonic() + given.seconds
    while True:
        try:
            said = load(given.url, given.file.read_bytes(), user=given.user, password=password)
        except HTTPError as refusal:
            if refusal.code not in NOT_YET or time.monotonic() > until:
                why = refusal.read(2000).decode(errors="replace")
                print(f"kibana: refuses with {refusal.code}: {why}", file=sys.stderr)
                return 1
        except (URLError, OSError) as failure:
            if time.monotonic() > until:
                print(f"kibana: cannot be reached: {failure}", file=sys.stderr)
                return 1
        else:
            return report(said)
        time.sleep(given.pause)


def report(said: dict[str, Any]) -> int:
    """Print what was imported and what was not; the exit code."""
    for error in said.get("errors", []):
        print(f"kibana: {error.get('type')} {error.get('id')}: {json.dumps(error.get('error'))}", file=sys.stderr)
    print(f"kibana: {said.get('successCount', 0)} objects imported", file=sys.stderr)
    return 0 if said.get("success") else 1


if __name__ == "__main__":
    sys.exit(main())
