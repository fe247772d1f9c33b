"""What VK tells by itself, on this machine: the Streaming API with its rules, and Bots Long Poll.

One server plays the API (`/method/...`), the streaming host (`/rules/`, `/stream/`) and the long poll server
(`/poll`). Callback deliveries are made of `vk_happenings.update`. It is strict where VK is: one connection a stream,
keys that expire, tags that exist once, a history that ends.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.kit.ingest import Failure
from tests.kit.scripted_http import Asked, ScriptedServer, Told, _read
from tests.networks.vk_happenings import GROUP, group

HOSTILE_FRAMES = (b"\x00\xff<<<", b'{"code": 100, "event": 7}', b'{"code": 100, "event": {"event_type": "post"}}')

_MOST_RULES, _MOST_WORDS, _LONGEST_VALUE, _LONGEST_TAG = 300, 100, 4096, 256


_ACTS = ("new", "edit", "restore", "delete")
SETTINGS = (
    *(
        f"{what}_{act}"
        for what in ("wall_reply", "photo_comment", "video_comment", "market_comment")
        for act in _ACTS
    ),
    *(f"board_post_{act}" for act in _ACTS),
    *(f"message_{what}" for what in ("new", "reply", "edit", "allow", "deny", "read", "typing_state")),
    *(f"donut_subscription_{what}" for what in ("create", "prolonged", "expired", "cancelled", "price_changed")),
    *(
        "wall_post_new",
        "wall_repost",
        "wall_schedule_post_new",
        "wall_schedule_post_delete",
        "photo_new",
        "video_new",
    ),
    *("audio_new", "market_order_new", "market_order_edit", "lead_forms_new", "poll_vote_new", "user_block"),
    *("user_unblock", "group_join", "group_leave", "group_officers_edit", "group_change_photo"),
    *("group_change_settings", "message_reaction_event", "donut_money_withdraw", "donut_money_withdraw_error"),
)
"""The events that a community switches on and off, one by one."""


class VkPush(ScriptedServer):
    """VK as it pushes. `hears` is what is told to the next that listens to the stream, then said at once."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token, self.revoked = token, False
        self.key_number = 1
        self.rules: dict[str, str] = {}
        self.unsaid: list[bytes] = []
        self.profiles: dict[int, dict[str, Any]] = {}
        self.groups: dict[int, dict[str, Any]] = {GROUP: group(GROUP, "Aurora Air", "auroraair", members_count=9_000)}
        self.streams: dict[str, tuple[ServerProtocol, asyncio.StreamWriter]] = {}
        self.busy_streams: set[str] = set()
        self.poll_key = 1
        self.updates: list[dict[str, Any]] = []
        self.kept_from = 0
        self.ts_as_text = True
        self.poll_patience = 0.05
        self.polls_on = {name: int(name in {"wall_post_new", "wall_reply_new", "message_new"}) for name in SETTINGS}
        self.confirmation = "c0nf1rm"
        self._news = asyncio.Event()
        self.answers = {
            "/method/streaming.getServerUrl": self._method(self._server_url),
            "/method/users.get": self._method(self._users),
            "/method/groups.getById": self._method(self._groups),
            "/method/groups.getLongPollServer": self._method(self._poll_server),
            "/method/groups.getLongPollSettings": self._method(self._poll_settings),
            "/method/groups.getCallbackConfirmationCode": self._method(lambda _: {"code": self.confirmation}),
            "/rules/": self._rules,
            "/poll": self._poll,
        }

    @property
    def key(self) -> str:
        """What opens the streaming host now."""
        return f"key{self.key_number}"

    def renew_key(self) -> None:
        """The key that was given is good no more."""
        self.key_number += 1
        self.hang_up()

    # --- the stream -------------------------------------------------------------------------------------------

    def say(self, *told: dict[str, Any] | bytes) -> None:
        """Tell everybody who listens; what is said while nobody listens waits for the first who does."""
        for one in told:
            frame = one if isinstance(one, bytes) else json.dumps(one).encode()
            if not self.streams:
                self.unsaid.append(frame)
            for protocol, writer in self.streams.values():
                _send(protocol, writer, frame)

    def hang_up(self) -> None:
        """Drop every stream without a word."""
        for _, writer in self.streams.values():
            writer.transport.abort()
        self.streams.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _read(reader)
            if asked.path == "/poll":
                await self._patience(asked)
            told = self._answer(asked)
            if asked.path == "/stream/" and told.status == 101:
                await self._stream(asked, reader, writer)
            else:
                await _write(writer, told)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _told(self, asked: Asked) -> Told:
        if asked.path != "/stream/":
            return super()._told(asked)
        stream, given = asked.query.get("stream_id", "0"), asked.query.get("key")
        refusals = (
            ("upgrade" not in asked.headers.get("connection", "").lower(), 1000, "Error upgrading to websocket"),
            (given is None, 1003, "Key is missing"),
            (given != self.key or self.revoked, 1004, "Bad key"),
            (not stream.isdigit() or int(stream) > 10, 1005, "Bad stream id"),
            (stream in self.streams or stream in self.busy_streams, 1006, "Connection already established"),
        )
        return next((_refusal(code, sentence) for holds, code, sentence in refusals if holds), Told(101))

    async def _stream(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = asked.query.get("stream_id", "0")
        protocol = ServerProtocol()
        head = "".join(f"{name}: {text}\r\n" for name, text in asked.headers.items())
        protocol.receive_data(f"GET {asked.path} HTTP/1.1\r\n{head}\r\n".encode())
        request = protocol.events_received()[0]
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        _flush(protocol, writer)
        self.streams[stream] = (protocol, writer)
        waiting, self.unsaid = self.unsaid, []
        for frame in waiting:
            _send(protocol, writer, frame)
        try:
            while data := await reader.read(65_536):
                protocol.receive_data(data)
                _flush(protocol, writer)
                if any(getattr(event, "opcode", None) is Opcode.CLOSE for event in protocol.events_received()):
                    return
        finally:
            if self.streams.get(stream, (None,))[0] is protocol:
                del self.streams[stream]

    def _rules(self, asked: Asked) -> Told:
        if asked.query.get("key") != self.key or self.revoked:
            return _refusal(1004, "Bad key")
        if asked.method == "GET":
            rules = [{"tag": tag, "value": value} for tag, value in self.rules.items()]
            return _json({"code": 200, "rules": rules or None})
        if asked.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refusal(1002, "Content-Type must be application/json")
        try:
            told = json.loads(asked.body)
            return self._add(**told["rule"]) if asked.method == "POST" else self._drop(told["tag"])
        except (ValueError, KeyError, TypeError):
            return _refusal(2000, "Can't parse JSON")

    def _add(self, value: str, tag: str) -> Told:
        words = value.split()
        fits = words and len(value.encode()) <= _LONGEST_VALUE and 0 < len(tag.encode()) <= _LONGEST_TAG
        refusals = (
            (len(self.rules) >= _MOST_RULES, 2006, "Too many rules"),
            (tag in self.rules, 2001, "A rule with this tag already exists"),
            (value.count('"') % 2, 2005, "Unbalanced quotes"),
            (bool(words) and all(word.startswith("-") for word in words), 2008, "Only minus words"),
            (len(words) > _MOST_WORDS, 2004, "Too many filters"),
            (not fits, 2003, "Can't parse rule"),
        )
        refused = next((_refusal(code, sentence) for holds, code, sentence in refusals if holds), None)
        if refused is None:
            self.rules[tag] = value
        return refused or _json({"code": 200})

    def _drop(self, tag: str) -> Told:
        if self.rules.pop(tag, None) is None:
            return _refusal(2002, "Tag not exist")
        return _json({"code": 200})

    # --- the API ----------------------------------------------------------------------------------------------

    def _method(self, answer: Any) -> Any:
        def told(asked: Asked) -> Told:
            form = {name: texts[-1] for name, texts in parse_qs(asked.body.decode(), keep_blank_values=True).items()}
            given = {**asked.query, **form}
            token = given.get("access_token") or asked.headers.get("authorization", "").removeprefix("Bearer ")
            if self.revoked or token != self.token:
                return api_error(5, "User authorization failed: access_token has expired.")
            if "v" not in given:
                return api_error(8, "Invalid request: v (version) is required")
            found = answer(given)
            return found if isinstance(found, Told) else _json({"response": found})

        return told

    def _server_url(self, given: dict[str, str]) -> dict[str, Any]:
        del given
        return {"endpoint": self.url.removeprefix("http://"), "key": self.key}

    def _users(self, given: dict[str, str]) -> Any:
        ids = given["user_ids"].split(",")
        if len(ids) > 1_000:
            return api_error(100, "One of the parameters specified was missing or invalid: user_ids")
        return [self.profiles[int(one)] for one in ids if int(one) in self.profiles]

    def _groups(self, given: dict[str, str]) -> Any:
        ids = given.get("group_ids", given.get("group_id", str(GROUP))).split(",")
        if len(ids) > 500:
            return api_error(100, "One of the parameters specified was missing or invalid: group_ids")
        found = [self.groups[int(one)] for one in ids if int(one) in self.groups]
        return {"groups": found, "profiles": []} if found else api_error(100, "group_ids is undefined")

    # --- long poll --------------------------------------------------------------------------------------------

    def happen(self, *updates: dict[str, Any]) -> None:
        """Add to the community's history."""
        self.updates += updates
        self._news.set()

    def forget(self) -> None:
        """Nothing of what happened is kept."""
        self.kept_from = len(self.updates)

    def _poll_server(self, given: dict[str, str]) -> Any:
        if given.get("group_id") != str(GROUP):
            return api_error(15, "Access denied: you should be group admin")
        # The real one tells the newest; a test begins with what happened before.
        return {"key": f"poll{self.poll_key}", "server": self.at("/poll"), "ts": str(self.kept_from)}

    def _poll_settings(self, given: dict[str, str]) -> Any:
        del given
        return {"is_enabled": True, "api_version": "5.199", "events": self.polls_on}

    async def _patience(self, asked: Asked) -> None:
        """Keep a question open until something happens; not for half a minute: a test has no time."""
        if asked.query.get("ts") == str(len(self.updates)):
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self.poll_patience)

    def _poll(self, asked: Asked) -> Told:
        if asked.query.get("act") != "a_check":
            return Told(400, b"bad act")
        if asked.query.get("key") != f"poll{self.poll_key}" or self.revoked:
            return _json({"failed": 2})
        ts = asked.query.get("ts", "")
        if not ts.isdigit() or int(ts) > len(self.updates):
            return _json({"failed": 3})
        if int(ts) < self.kept_from:
            return _json({"failed": 1, "ts": len(self.updates)})
        fresh = self.updates[int(ts) :][:100]
        frames = [json.dumps(update, ensure_ascii=True) for update in fresh]
        body = f'{{"ts": {json.dumps(self._ts(int(ts) + len(fresh)))}, "updates": [{", ".join(frames)}]}}'
        return Told(200, body.encode(), {"content-type": "application/json"})

    def _ts(self, number: int) -> str | int:
        return str(number) if self.ts_as_text else number

    # --- failing ----------------------------------------------------------------------------------------------

    def fail(self, failure: Failure | None) -> None:
        """Misbehave in one of the ways of the contract suite; None: no more."""
        self.revoked = failure == "revoked"
        self.misbehave(None)
        if failure:
            self.hang_up()
        if failure == "flaky":
            self.misbehave(Told(502, b"bad gateway"), share=0.3)
        elif failure and failure in FAILURES:
            self.misbehave(FAILURES[failure])


FAILURES: dict[Failure, Told] = {
    "busy": Told(429, b"slow down", {"retry-after": "7"}),
    "down": Told(500, b"<h1>oops</h1>"),
    "garbage": Told(200, b"\x00\xff<<<", {"content-type": "application/json"}),
    "huge": Told(200, b"[" + b" " * 11_000_000, {"content-type": "application/json"}),
}


def api_error(code: int, sentence: str) -> Told:
    """How the API refuses: 200, and an error in the body."""
    return _json({"error": {"error_code": code, "error_msg": sentence, "request_params": []}})


def _refusal(code: int, sentence: str) -> Told:
    """How the streaming host refuses."""
    told = _json({"code": 400, "error": {"message": sentence, "error_code": code}})
    return replace(told, status=400)


def _json(told: Any) -> Told:
    return Told(200, json.dumps(told).encode(), {"content-type": "application/json"})


def _send(protocol: ServerProtocol, writer: asyncio.StreamWriter, frame: bytes) -> None:
    try:
        frame.decode()
    except UnicodeDecodeError:
        protocol.send_binary(frame)
    else:
        protocol.send_text(frame)
    _flush(protocol, writer)


def _flush(protocol: ServerProtocol, writer: asyncio.StreamWriter) -> None:
    for data in protocol.data_to_send():
        if data:
            writer.write(data)


async def _write(writer: asyncio.StreamWriter, told: Told) -> None:
    headers = {"connection": "close", **told.headers, "content-length": str(len(told.body))}
    head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    writer.write(f"HTTP/1.1 {told.status} Told\r\n{head}\r\n".encode() + told.body)
    await writer.drain()


@asynccontextmanager
async def vk_push(token: str) -> AsyncIterator[VkPush]:
    """Serve on a free port until the block ends."""
    scripted = VkPush(token)
    serving: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(scripted._serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
