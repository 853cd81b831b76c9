"""The desktop opens a session, tells how it is, and works through the bff."""

from scripts.record_examples.cast import Cast, Desk
from scripts.record_examples.story.stream import follow
from scripts.record_examples.story.sync import first_push, handshake, pull
from tenantry.demo.world import PROPERTY

BASE = "/bff/backoffice/v1"


async def tell(cast: Cast) -> None:
    ask, ids, desk = cast.recorder.ask, cast.recorder.ids, Desk(cast.desktop)
    body = {"app_version": "4.12.0", "os": "Windows 11", "property": PROPERTY}
    opened = await ask(desk, "bff", f"POST {BASE}/sessions", body)
    ids["session_id"] = opened["session_id"]
    shown = await ask(desk, "bff", f"GET {BASE}/bootstrap", query={"session_id": opened["session_id"]})
    state = {"app_version": "4.12.0", "queue_depth": 1, "oldest_queued": 3.5, "clock_offset": -0.2}
    heartbeat = f"POST {BASE}/sessions/{{session_id}}/heartbeat"
    await ask(desk, "bff", heartbeat, {**state, "cursor": shown["cursor"]})
    await ask(desk, "bff", f"GET {BASE}/devices/status")
    forward = f"POST {BASE}/sync/{{verb}}"
    await ask(desk, "bff", forward, handshake(cast), title="handshake", verb="handshake")

    async def work() -> None:
        await ask(desk, "bff", forward, first_push(cast), title="push", verb="push")

    start = (await ask(desk, "bff", f"GET {BASE}/bootstrap", is_kept=False))["cursor"]
    await follow(cast, opened["stream_url"], work)
    await ask(desk, "bff", f"GET {BASE}/events", query={"cursor": start, "wait": 20, "limit": 10})
    await ask(desk, "bff", forward, pull(cast, 100), title="pull", verb="pull")
