"""Settings of the spike rule."""

from typing import Literal

from pydantic import Field

from alerting.config import RuleConfig


class Config(RuleConfig):
    """Which counts are watched and how far from the usual they must be."""

    kind: Literal["spike"] = "spike"
    name: str = Field("spike", min_length=1, max_length=200, description="Unique name; default: the kind.")
    of: Literal["both", "negative", "all"] = Field("both", description="Count negative mentions, all, or both.")
    minimum: int = Field(5, ge=2, le=1_000_000, description="Fewest mentions in a window that can be a spike.")
    ratio: float = Field(3.0, ge=1.1, le=1000, description="Least multiple of the usual number.")
    chance: float = Field(1e-5, gt=0, le=0.05, description="How unlikely the count must be by the baseline.")
