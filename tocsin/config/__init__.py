"""The configuration: typed, layered, refused early with every mistake named at once."""

from tocsin.config.models import (
    BrandConfig,
    Config,
    ConsoleConfig,
    KafkaConfig,
    ModelConfig,
    RuntimeConfig,
    StorageConfig,
    Tagged,
)
from tocsin.config.read import load, parse
from tocsin.config.schema import json_schema

__all__ = [
    "BrandConfig",
    "Config",
    "ConsoleConfig",
    "KafkaConfig",
    "ModelConfig",
    "RuntimeConfig",
    "StorageConfig",
    "Tagged",
    "json_schema",
    "load",
    "parse",
]
