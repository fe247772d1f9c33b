"""What all alerting tables of tocsin.toml share: strict, frozen, and a name that defaults to the kind."""

from datetime import UTC, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from domain.alert import Severity

Language = Literal["ru", "kk", "cs", "ar", "en"]


def _one_or_many(written: object) -> object:
    return (written,) if isinstance(written, str) else written


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""`brand = "Aurora Air"` and `brand = ["Aurora Air", "Borealis Jet"]` are both understood."""


class Table(BaseModel):
    """A table that is read once and refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleConfig(Table):
    """What every rule has: a unique name and, if it is not for all, the brands it watches."""

    name: str = Field(min_length=1, max_length=200, description="Unique name; default: the kind.")
    brand: Names = Field((), description="Only these brands; default: all.")

    def watches(self, brand: str) -> bool:
        """Whether this rule is for that brand."""
        return not self.brand or brand in self.brand


class ReceiverConfig(Table):
    """What every receiver has: a unique name, the reader's language and the reader's time zone."""

    name: str = Field(min_length=1, max_length=200, description="Unique name; default: the kind.")
    language: Language = Field("en", description="Language of the messages: ru, kk, cs, ar or en.")
    timezone: str = Field("UTC", description='Time zone of the times in messages, such as "Asia/Almaty".')

    @field_validator("timezone")
    @classmethod
    def _the_zone_is_known(cls, name: str) -> str:
        zone(name)
        return name


def zone(name: str) -> tzinfo:
    """The time zone of that name; raises ValueError with a remedy. UTC works without a time zone database."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is not a known time zone: write one such as "Europe/Prague", or "UTC"') from None


class RouteConfig(Table):
    """Which incidents go to which receiver. With no route at all, every receiver gets `major` and above."""

    receiver: str = Field(min_length=1, description="Name of the receiver.")
    severity: Severity = Field("major", description="This level and above: minor, major or critical.")
    brand: Names = Field((), description="Only these brands; default: all.")
    rule: Names = Field((), description="Only incidents with an alert of one of these rules; default: all.")


class IncidentConfig(Table):
    """How alerts become incidents, and how often people hear of them. Times are seconds of event time."""

    group_wait_seconds: int = Field(
        0, ge=0, le=3600, description="How long a new incident waits for its companions before people are told."
    )
    group_interval_seconds: int = Field(
        900, ge=0, le=86_400, description="Shortest time between two messages about one incident."
    )
    resolve_after_seconds: int = Field(
        7200, ge=60, le=604_800, description="An incident with nothing new for so long is over."
    )
    all_clear: bool = Field(default=True, description="Tell those who were told that it is over.")
