"""What tocsin.toml says, as typed values: one model for each section that belongs to the application itself.

Sources, rules, routes and receivers bring their own models; `tocsin.config.read` finds them by `kind`.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

from alerting.config import IncidentConfig, RouteConfig
from domain.brand import Brand
from models.config import HubConfig
from models.review import REVIEW_BELOW

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


ServerUrl = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^https?://[^\s/@]+(/.*)?$")]
IndexPrefix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,59}$")]
TopicPrefix = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{0,60}$")]

OPERATORS = frozenset({"AND", "OR", "NOT", "TO"})


class Section(BaseModel):
    """A table of tocsin.toml: read once, never changed, no key that Tocsin does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BrandConfig(Section):
    """A brand to listen for. Without a query, the name is: one word in all its forms, several as a phrase."""

    name: Name = Field(description="The brand's name, as reports and alerts will call it.")
    query: str = Field(
        "",
        description="Lucene query that finds it; default: the name, one word in all its forms, several as a phrase.",
    )
    accounts: tuple[str, ...] = Field(
        (),
        description="The brand's own accounts, `network:handle`: what they write is no mention, what is written to "
        "them is one.",
    )
    rivals: tuple[Name, ...] = Field((), description="Names of the brands it is compared with.")

    @field_validator("accounts")
    @classmethod
    def _accounts_name_their_network(cls, accounts: tuple[str, ...]) -> tuple[str, ...]:
        for account in accounts:
            network, colon, handle = account.partition(":")
            if not (network.strip() and colon and handle.strip()):
                raise ValueError(f'"{account}" names no network: write "network:handle", such as "vk:auroraair"')
        return accounts

    @model_validator(mode="after")
    def _a_name_is_a_query(self) -> Self:
        if not self.query.strip():
            word = self.name if self.name.isalnum() and self.name.upper() not in OPERATORS else ""
            escaped = self.name.replace("\\", "\\\\").replace('"', '\\"')
            # The model is frozen for everyone else; a default that depends on another field is filled in here.
            object.__setattr__(self, "query", word or f'"{escaped}"')
        return self

    def brand(self) -> Brand:
        """The domain's view of it."""
        return Brand(name=self.name, query=self.query, accounts=self.accounts, rivals=self.rivals)


class StorageConfig(Section):
    """Where everything heard is kept: one SQLite file, or an Elasticsearch cluster."""

    kind: Literal["sqlite", "elasticsearch"] = Field(
        "sqlite", description="`sqlite` for one process, `elasticsearch` for the cluster's processes."
    )
    path: Path = Field(Path("tocsin.db"), description="The SQLite file; relative to this configuration's folder.")
    urls: tuple[ServerUrl, ...] = Field((), description="Addresses of Elasticsearch: `https://search.example:9200`.")
    api_key: SecretStr | None = Field(None, description="API key of Elasticsearch, as it encodes it.")
    username: str = Field("", description="User of Elasticsearch, where there is no API key.")
    password: SecretStr | None = Field(None, description="That user's password.")
    ca_file: Path | None = Field(None, description="Certificate authority (PEM) that signed Elasticsearch's.")
    prefix: IndexPrefix = Field("tocsin-", description="What the names of all indices begin with.")
    replicas: int = Field(1, ge=0, le=10, description="Copies of every index beside the first; 0 on a single node.")
    keep_months: int = Field(0, ge=0, le=1200, description="Months that mentions are kept; 0: for ever.")

    @model_validator(mode="after")
    def _each_kind_has_its_keys(self) -> Self:
        if self.kind == "elasticsearch" and not self.urls:
            raise ValueError('kind "elasticsearch" needs urls: add urls = ["https://localhost:9200"]')
        if self.kind == "sqlite":
            others = sorted(self.model_fields_set - {"kind", "path"})
            if others:
                raise ValueError(f'{others[0]} belongs to kind = "elasticsearch": set that, or take the key out')
        if self.password and not self.username:
            raise ValueError("password needs a username beside it")
        if self.password and self.api_key:
            raise ValueError("api_key and password say the same thing: keep one of them")
        return self


class KafkaConfig(Section):
    """The topics between the cluster's processes. Not needed by `tocsin run`."""

    servers: tuple[Name, ...] = Field((), description="Addresses to begin with: `kafka-1:9092`.")
    prefix: TopicPrefix = Field("tocsin.", description="What the names of all topics and groups begin with.")
    partitions: int = Field(
        8, ge=1, le=1000, description="Partitions of a topic when it is created: the most workers that share it."
    )
    replication: int = Field(1, ge=1, le=10, description="Copies of every partition when a topic is created.")
    retention_days: int = Field(30, ge=1, le=3650, description="Days that posts and mentions stay in their topics.")
    compression: Literal["lz4", "zstd"] = Field("lz4", description="How records travel.")
    tls: bool = Field(default=False, description="Encrypted connections.")
    ca_file: Path | None = Field(None, description="Certificate authority (PEM) that signed the brokers'.")
    cert_file: Path | None = Field(None, description="Tocsin's own certificate (PEM), where brokers ask for one.")
    key_file: Path | None = Field(None, description="The key of that certificate (PEM).")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="How Tocsin proves who it is, where brokers ask for it."
    )
    username: str = Field("", description="The name it gives.")
    password: SecretStr | None = Field(None, description="The password it gives.")

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        given = bool(self.sasl_mechanism), bool(self.username), bool(self.password)
        if any(given) and not all(given):
            raise ValueError("sasl_mechanism, username and password go together: give all three, or none")
        if self.sasl_mechanism == "PLAIN" and not self.tls:
            raise ValueError("PLAIN sends the password as it is: set tls = true, or take SCRAM-SHA-512")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together: give both, or none")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ValueError("ca_file and cert_file need tls = true")
        return self


class RuntimeConfig(Section):
    """How the one process works."""

    batch_size: int = Field(200, ge=1, le=10_000, description="Most posts in one transaction.")
    keep_posts_days: int = Field(30, ge=1, le=3650, description="Days that posts are kept which match no brand.")
    incidents: IncidentConfig = Field(
        default_factory=IncidentConfig, description="Grouping, repeating and closing of incidents."
    )


class ModelConfig(Section):
    """Which transformers judge, with how many threads, and when a person is asked."""

    path: Path | None = Field(None, description="Folder of the model; default: the shipped one.")
    threads: int = Field(2, ge=1, le=64, description="Threads for one batch.")
    review_below: float = Field(
        REVIEW_BELOW,
        ge=0,
        le=1,
        description="A mention whose sentiment or urgency is less probable waits for a person's review; 0: none.",
    )
    hub: tuple[HubConfig, ...] = Field(
        (), description="Hugging Face models, each for one task instead of that model."
    )

    @field_validator("hub", mode="before")
    @classmethod
    def _hub_models_are_a_list(cls, written: object) -> object:
        if isinstance(written, dict):
            raise ValueError("there may be several, so write [[model.hub]] with two brackets")  # noqa: TRY004  # pydantic's way
        return written

    @field_validator("hub")
    @classmethod
    def _a_task_has_one_model(cls, hub: tuple[HubConfig, ...]) -> tuple[HubConfig, ...]:
        tasks = [one.task for one in hub]
        for place, task in enumerate(tasks):
            if tasks.index(task) != place:
                raise ValueError(f'two tables answer the task "{task}": keep one of them')
        return hub


LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK_NAMES


class ConsoleConfig(Section):
    """The HTTP side: health, metrics, API and webhooks."""

    host: Name = Field("127.0.0.1", description="Address to listen on; anything but loopback needs a token.")
    port: int = Field(8686, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    token: SecretStr | None = Field(None, description="Bearer token that API and metrics ask for.")

    @field_validator("token")
    @classmethod
    def _a_token_fits_into_a_header(cls, token: SecretStr | None) -> SecretStr | None:
        if token is None:
            return None
        bare = token.get_secret_value().strip()
        if not (bare.isascii() and bare.isprintable()):
            raise ValueError("token may hold printable ASCII characters only, as a header of HTTP does")
        return SecretStr(bare)

    @model_validator(mode="after")
    def _the_open_network_needs_a_token(self) -> Self:
        given = self.token.get_secret_value() if self.token else ""
        if not is_loopback(self.host) and not given:
            raise ValueError(
                f'host "{self.host}" can be reached from other machines, so a token is needed: '
                'add token_env = "TOCSIN_CONSOLE_TOKEN", or take host = "127.0.0.1"'
            )
        return self


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """A source, rule or receiver: its kind, its unique name, and the settings its integration's `build` takes."""

    kind: str
    name: str
    config: BaseModel


@dataclass(frozen=True, kw_only=True)
class Config:
    """A whole, valid configuration. `file` is where it was read from, `folder` what relative paths start at."""

    brand: tuple[BrandConfig, ...]
    source: tuple[Tagged, ...]
    rule: tuple[Tagged, ...]
    route: tuple[RouteConfig, ...]
    receiver: tuple[Tagged, ...]
    storage: StorageConfig
    kafka: KafkaConfig
    runtime: RuntimeConfig
    model: ModelConfig
    console: ConsoleConfig
    file: Path | None
    folder: Path

    def brands(self) -> tuple[Brand, ...]:
        """The brands as the pipeline wants them."""
        return tuple(brand.brand() for brand in self.brand)
