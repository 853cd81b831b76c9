"""What every client must make of the stream, whoever wrote it; a subclass brings the client.

The web-platform-tests of EventSource (web-platform-tests/wpt, folder `eventsource`), as far as they concern a server:

| there | here |
|---|---|
| `format-mime-*`, `request-accept` | the type with its charset is taken; the clients ask for it |
| `format-comments`, `format-newlines`, `format-bom*` | padding is a comment; only LF, no byte order mark |
| `format-field-event`, `format-field-data`, `format-leading-space` | one line each, one space behind the colon |
| `format-utf-8`, `format-null-character`, `format-field-parsing` | tricky signs in the data, split within a sign |
| `format-field-id*`, `eventsource-eventtarget` | the last id stays with events that bring none |
| `format-data-before-final-empty-line`, `format-field-retry` | what is cut off counts for nothing; the wait is taken |
| `eventsource-reconnect`, `resources/last-event-id*.py` | the next request names the last whole frame |
| `request-status-error`, `status-reconnect` | 204 ends it; so does every other refusal, at the first answer |

The others (constructor, properties, CORS, redirects, `close()`) concern clients only: the bff never redirects and answers
no other origin.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Protocol

import httpx
import pytest

from chassis.db import Database
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.stage import STREAM, Bff
from tests.streams import frames
from tests.streams.frames import FEED_TYPES, Told
from tests.streams.playback import Live, Playback, playing


class Client(Protocol):
    """Follows each address until it is told 204 or refused; what it was told of each."""

    async def follow(self, playback: Playback, urls: list[str]) -> list[list[Told]]: ...


def places(all_frames: list[frames.Frame]) -> list[int]:
    """Where to cut: everywhere in the small frames, here and there in the large ones. Behind `retry`, which is the wait."""
    found, end = [], 0
    for number, frame in enumerate(all_frames):
        start, end = end, end + len(frame.bytes)
        if number > 0:
            step = 1 if len(frame.bytes) < 1000 else 1021
            found += [*range(start, end, step)]
    return [*found, end]


class Suite:
    """`client` is a fixture of the file that subclasses this."""

    @pytest.fixture
    async def short(self) -> AsyncIterator[Playback]:
        async with playing(frames.joined(frames.short())) as found:
            yield found

    @pytest.fixture
    async def full(self) -> AsyncIterator[Playback]:
        async with playing(frames.joined(frames.full())) as found:
            yield found

    async def test_every_kind_of_frame_is_read_as_it_was_meant(self, client: Client, full: Playback) -> None:
        said = frames.full()
        told = await client.follow(full, [full.url(f"/cut?at={len(full.frames)}")])
        assert told == [frames.told(said)[0]]
        assert full.accepts == {"text/event-stream"}

    async def test_a_stream_in_two_pieces_is_the_same_stream_wherever_the_seam_is(
        self, client: Client, short: Playback
    ) -> None:
        told = await client.follow(short, [short.url(f"/split?at={at}") for at in places(frames.short())])
        assert {str(one) for one in told} == {str(frames.told(frames.short())[0])}

    async def test_a_seam_in_the_padding_or_in_a_large_event_changes_nothing(
        self, client: Client, full: Playback
    ) -> None:
        seams = [at for at in places(frames.full()) if at % 7 == 0]
        told = await client.follow(full, [full.url(f"/split?at={at}") for at in seams])
        expected = frames.told(frames.full())[0]
        assert [at for at, one in zip(seams, told, strict=True) if one != expected] == []

    async def test_who_is_cut_off_at_any_byte_comes_back_with_the_last_whole_frame(
        self, client: Client, short: Playback
    ) -> None:
        cuts = places(frames.short())
        targets = [f"/cut?at={at}" for at in cuts]
        told = await client.follow(short, [short.url(target) for target in targets])
        for at, target, one in zip(cuts, targets, told, strict=True):
            expected, id_ = frames.told(frames.short(), at)
            assert (at, one) == (at, expected)
            assert (at, short.asked[target]) == (at, [None, id_ or None])

    async def test_a_refusal_is_final(self, client: Client, short: Playback, large: Bff) -> None:
        """A 401 of the real listener: an EventSource never asks again, so a desktop needs a loop of its own."""

        async def nothing() -> dict[str, str]:
            return {}

        live = short.lives["/live"] = Live(("127.0.0.1", large.stream_port), STREAM, nothing)
        assert await client.follow(short, [short.url("/live")]) == [[]]
        assert live.heads[0].startswith(b"HTTP/1.1 401 ")
        assert short.asked["/live"] == [None]

    async def test_the_live_stream_goes_on_where_it_was_cut(
        self,
        client: Client,
        short: Playback,
        large: Bff,
        new_desk: NewDesk,
        http: httpx.AsyncClient,
        bff_data: Database,
    ) -> None:
        desk = await new_desk()
        live = Live(
            ("127.0.0.1", large.stream_port),
            STREAM,
            lambda: desk.headers(http, "GET", f"{large.stream}{STREAM}"),
        )
        short.lives["/live"] = live
        following = asyncio.create_task(client.follow(short, [short.url("/live")]))

        async def passed(connection: int, count: int) -> None:
            def has_come() -> bool:
                return len(live.passed) > connection and live.passed[connection].count(b'"prev":') >= count

            await eventually(has_come, 30, f"{count} events on connection {connection}")

        await passed(0, 0)
        await eventually(lambda: b"event: hello" in live.passed[0], what="hello")
        said = await say(bff_data, desk.tenant_id, ["all", "p.harbour", "all"])
        await passed(0, 3)
        live.cuts_next_event = True
        said += await say(bff_data, desk.tenant_id, ["p.harbour", "all"], size=20_000)
        await passed(1, 2)
        await eventually(lambda: b"event: hb" in live.passed[1], what="a heartbeat")
        live.finish()
        [told] = await asyncio.wait_for(following, 60)

        assert told == [event for raw in live.passed for event in frames.read(bytes(raw))]
        events = [event for event in told if event[0] in FEED_TYPES]
        assert ids([json.loads(data) for _, data, _ in events]) == said
        last_of_first = frames.read(bytes(live.passed[0]))[-1][2]
        last_of_second = frames.read(bytes(live.passed[1]))[-1][2]
        assert short.asked["/live"] == [None, last_of_first, last_of_second]
