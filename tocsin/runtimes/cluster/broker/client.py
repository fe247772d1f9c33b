"""What every client of Kafka shares: where it connects and how, and Kafka's errors as sentences."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import CRITICAL, getLogger
from typing import Any

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket

from domain.errors import BrokerUnavailable, ConfigError
from tocsin.config.models import KafkaConfig

# It logs its whole configuration at DEBUG, password included, and every failure that is raised as a sentence here.
getLogger("kafka").setLevel(CRITICAL)

BOOTSTRAP = 5_000
REQUEST = 10_000
DELIVERY = 30_000
"""Milliseconds to find a broker, to get one answer, to get a record acknowledged."""


@dataclass(frozen=True)
class FaustOptions:
    """What Faust's own client needs to reach the same brokers."""

    servers: tuple[str, ...]
    ssl_context: ssl.SSLContext | None
    sasl_mechanism: str | None
    username: str
    password: str = field(repr=False)


class _Socket(KafkaNetSocket):  # type: ignore[misc]  # the client ships no types
    """Closed when the connection is refused. The client forgets to, and tries many times a second."""

    SCHEMES = ("direct",)

    async def sock_connect(
        self, net: Any, sock: socket.socket, sockaddr: Any, timeout_at: float | None = None
    ) -> Any:
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise


def connected(kind: Callable[..., Any], **options: Any) -> Any:
    """Make a client, which connects as it is made. One that cannot leaves its thread running unless told to stop."""
    networks = []

    def network(**given: Any) -> Any:
        networks.append(KafkaNetClient(**given))
        return networks[-1]

    try:
        return kind(**options, kafka_client=network)
    except BaseException:
        for each in networks:
            each.close()
        raise


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what the client raises into BrokerUnavailable; `doing` says what was tried: "publishing"."""
    try:
        yield
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka: {doing} failed: {sentence(error)}") from None
    except OSError as error:
        raise BrokerUnavailable(f"Kafka: {doing} failed: {error}") from None


def sentence(error: BaseException) -> str:
    """Say what an error of the client is."""
    name = type(error).__name__
    said = str(error)
    return said if said.startswith(name) else f"{name}: {said}" if said else name


def connection(settings: KafkaConfig, context: ssl.SSLContext | None, client: str) -> dict[str, Any]:
    """Return the options that each of kafka-python's clients takes; `client` names it in the broker's logs."""
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.servers),
        "client_id": f"tocsin-{client}",
        "security_protocol": ("SASL_" if settings.sasl_mechanism else "") + ("SSL" if settings.tls else "PLAINTEXT"),
        "ssl_context": context,
        # What the client calls a proxy is any way to connect: this names `_Socket`, which goes straight there.
        "proxy_url": "direct://",
        "bootstrap_timeout_ms": BOOTSTRAP,
        "request_timeout_ms": REQUEST,
        "reconnect_backoff_max_ms": 2_000,
        "metadata_max_age_ms": 30_000,
    }
    if settings.sasl_mechanism and settings.password:
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.username,
            "sasl_plain_password": settings.password.get_secret_value(),
        }
    return options


def ssl_context(settings: KafkaConfig) -> ssl.SSLContext | None:
    """Read the certificates; raises ConfigError where they cannot be."""
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"kafka.ca_file: {settings.ca_file} cannot be read: {error}"]) from None
    if settings.cert_file:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError([f"kafka.cert_file: {settings.cert_file} cannot be read: {error}"]) from None
    return context


def no_topic(name: str) -> str:
    """Say that a topic is missing, and the remedy."""
    return f"there is no topic {name}: run `tocsin topics create`"
