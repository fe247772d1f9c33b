"""The shipped model for tests, opened once a process."""

from functools import cache

import msgspec

from models import bundle
from models.classifier import Judge
from models.encoding import TextEncoder


@cache
def encoder() -> TextEncoder:
    """The artefact in the repository, verified."""
    bundle.verified(bundle.DEFAULT)
    return TextEncoder(bundle.DEFAULT, threads=1)


@cache
def heads() -> bundle.Heads:
    return msgspec.json.decode((bundle.DEFAULT / bundle.HEADS).read_bytes(), type=bundle.Heads)


def fresh_judge() -> Judge:
    """A judge that remembers nothing yet."""
    return Judge(encoder(), heads(), "under-test")
