"""The scripted Google Play, and what our source asks it, against Google's own description of the interface."""

from ingest.googleplay import Config, build
from tests.kit.ingest import NOON, Clock, Rig, harvest, polite_client
from tests.networks.discovery import Discovery
from tests.networks.googleplay import API, SCOPE, google_play, key_file, review

PLAY = Discovery("androidpublisher.v3")
AIR = "com.auroraair.app"


async def test_every_question_and_every_answer_is_as_google_describes_them(clock: Clock) -> None:
    now = NOON.timestamp()
    async with google_play(clock) as play, polite_client(clock) as client:
        play.apps = {AIR: [review(f"gp:{n}", now - n * 100, f"Late\tGate {n}") for n in range(12)]}
        play.reply("gp:3", "We are sorry", now - 50)
        play.page = 5
        config = Config(
            kind="googleplay",
            service_account=key_file(play.server.at("/token")),
            packages=(AIR,),
            api=play.server.url,
        )
        source = build(config, client=client, clock=clock)
        whole = await harvest(Rig(make=lambda: source, clock=clock, expected=set()), source)
        play.delete("gp:2")
        clock.advance(3_600)
        await harvest(Rig(make=lambda: source, clock=clock, expected=set()), source, whole.cursors[-1])
        questions = [asked for asked in play.server.asked if asked.path.startswith(API)]
        assert {bool(asked.query) for asked in questions} == {True, False}, "a list, and one review alone"
        assert [problem for one in questions for problem in PLAY.wrong_with_question(one.path, one.query)] == []
        assert [problem for path, told in play.given for problem in PLAY.wrong_with_answer(path, told)] == []
    assert SCOPE in PLAY.method(f"{API}{AIR}/reviews")["scopes"]
