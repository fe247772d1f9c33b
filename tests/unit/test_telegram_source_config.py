"""What a Telegram source may say, and how it is told that it says too much or too little."""

from typing import Any

import pytest
from pydantic import ValidationError

from ingest.telegram.config import Config
from tests.kit.cases_telegram import BOT_CONFIG, PUSHED_CONFIG, READING_CONFIG
from tests.kit.ingest import SECRET


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kind": "telegram"}, 'via = "bot" needs `token`'),
        ({"kind": "telegram", "via": "webhook", "token": "1:a"}, 'via = "webhook" needs `secret`'),
        ({"kind": "telegram", "via": "mtproto", "api_id": 1, "api_hash": "x", "session": "y"}, "needs `channels`"),
        ({**BOT_CONFIG, "secret": SECRET}, '`secret` is for via = "webhook", not for via = "bot"'),
        ({**BOT_CONFIG, "channels": ["@citytalk"]}, '`channels` is for via = "mtproto", not for via = "bot"'),
        ({**READING_CONFIG, "token": "1:a"}, '`token` is for via = "bot", not for via = "mtproto"'),
        ({**PUSHED_CONFIG, "secret": "two words"}, "1 to 256 of A-Z a-z 0-9 _ - only"),
        ({**PUSHED_CONFIG, "public_url": "tocsin.example"}, "this is not an http or https address"),
        ({**BOT_CONFIG, "api": "ftp://telegram.example"}, "this is not an http or https address"),
        ({**READING_CONFIG, "channels": ["t.me/+AbCdEf"]}, '"t.me/+AbCdEf" is no public name of Telegram'),
        ({**BOT_CONFIG, "chats": ["no name"]}, '"no name" is no public name of Telegram'),
    ],
)
def test_a_mistake_is_told_in_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(settings)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "written", ["@CityTalk", "citytalk", "https://t.me/CityTalk", "t.me/s/citytalk/", " @citytalk "]
)
def test_a_channel_is_known_by_its_name_however_it_is_written(written: str) -> None:
    assert Config.model_validate({**READING_CONFIG, "channels": [written]}).channels == ("citytalk",)


def test_a_chat_is_a_name_or_a_number() -> None:
    config = Config.model_validate({**BOT_CONFIG, "chats": ["@Flyers", -1_001_234_567_890, "-4001"]})
    assert config.chats == ("flyers", -1_001_234_567_890, -4001)


def test_a_person_s_account_asks_less_often_than_a_bot() -> None:
    assert [Config.model_validate(one).rate for one in (BOT_CONFIG, PUSHED_CONFIG, READING_CONFIG)] == [600, 600, 60]
    assert Config.model_validate({**READING_CONFIG, "per_minute": 20}).rate == 20


@pytest.mark.parametrize("settings", [BOT_CONFIG, PUSHED_CONFIG, READING_CONFIG])
def test_no_secret_is_printed(settings: dict[str, Any]) -> None:
    assert SECRET not in f"{Config.model_validate(settings)!r}"
