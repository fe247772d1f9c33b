"""The contract of all receivers, run on each line of the registry."""

from typing import Any

import pytest

from alerting.config import ReceiverConfig
from alerting.notifiers.registry import RECEIVERS
from alerting.rules.registry import RULES
from domain.event import MentionEvent
from tests.kit.alerts import MIDNIGHT, at, heard, usual_rules

SETTINGS: dict[str, dict[str, Any]] = {
    "console": {},
    "slack": {"token": "t", "channel": "#c"},
    "telegram": {"token": "t", "chat": 1},
    "webhook": {"url": "https://hush.example/x", "secret": "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="},
    "email": {"host": "h", "sender": "a@b.example", "to": ["c@d.example"]},
}


@pytest.mark.parametrize("kind", RECEIVERS)
def test_a_receiver_has_settings_a_builder_and_a_page(kind: str) -> None:
    module = RECEIVERS[kind].load()
    assert module.__doc__
    config = module.Config(**SETTINGS[kind])
    assert isinstance(config, ReceiverConfig)
    assert config.model_dump()["kind"] == kind
    assert (config.name, config.language, config.timezone) == (kind, "en", "UTC")
    assert module.Config.model_config["extra"] == "forbid"
    assert all(field.description for name, field in module.Config.model_fields.items() if name != "kind")
    notifier = module.build(config, transport=None, clock=lambda: MIDNIGHT)
    assert notifier.name == kind
    assert "hush" not in repr(config) + repr(notifier)


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_is_a_fold_with_settings_and_a_page(kind: str) -> None:
    module = RULES[kind].load()
    assert module.__doc__
    config = module.Config(**({"words": ["recall"]} if kind == "keyword" else {}), brand="Aurora Air")
    assert (config.kind, config.name, config.brand) == (kind, kind, ("Aurora Air",))
    assert all(field.description for name, field in module.Config.model_fields.items() if name != "kind")
    fold = module.build(config)
    assert fold.name == f"rule:{kind}"
    assert MentionEvent in fold.accepts
    state = fold.initial()
    assert isinstance(state, fold.state_type)
    assert fold.step(state, heard("m", at(1), brand="Borealis Jet")) == (state, [])
    assert fold.due(state) is None


def test_the_usual_rules_can_be_built() -> None:
    configs = usual_rules()
    assert [config.name for config in configs] == ["critical_mention", "spike", "influencer"]
