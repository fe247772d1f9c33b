"""Certificates made on the fly with the `openssl` command: an authority, and a server's for this machine."""

import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificates(NamedTuple):
    """PEM files: the authority that a client trusts, and what a server shows."""

    ca: Path
    certificate: Path
    key: Path


def certificates(folder: Path) -> Certificates:
    """The certificates of `folder`, made once."""
    made = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    if not made.certificate.exists():
        folder.mkdir(parents=True, exist_ok=True)
        authority = folder / "ca.key"
        _openssl(
            *("-subj", "/CN=Tocsin test authority", "-keyout", str(authority), "-out", str(made.ca)),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        _openssl(
            *("-subj", "/CN=localhost", "-keyout", str(made.key), "-out", str(made.certificate)),
            *("-CA", str(made.ca), "-CAkey", str(authority)),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
        )
    return made


def _openssl(*words: str) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "30", *curve, *words], check=True, capture_output=True
    )
