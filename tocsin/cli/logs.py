"""Log lines on stderr: for people, or one JSON object a line."""

import logging
import sys
from typing import Any

import structlog


def configure(*, as_json: bool, quiet: bool = False) -> None:
    """Set up structlog for this process; libraries are heard from WARNING on.

    HTTP libraries log whole addresses below that, and some receivers carry their token in the address. `quiet` leaves
    errors only.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Rich tracebacks print local variables, and a local variable may hold a secret.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    stamp = structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamp,
            *([structlog.processors.format_exc_info] if as_json else []),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
