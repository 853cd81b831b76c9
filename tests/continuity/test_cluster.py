"""The cluster by itself: what the servers' configuration and the streams' settings must bear."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.bus import Bus
from contracts.subjects import FEED, STREAMS
from tests.continuity.cluster import Cluster
from tests.infra import eventually

ROUNDS = 3


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    found = Cluster(tmp_path / "nats")
    await found.start()
    yield found
    await found.end()


async def write(bus: Bus, subject: str, count: int) -> int:
    """Until the stream has taken them; how many times it did."""
    done = 0

    async def once() -> bool:
        nonlocal done
        try:
            await bus.js.publish(subject, b"x" * 500, timeout=2)
        except Exception:  # noqa: BLE001  # whatever keeps it from being stored, it is tried anew
            return False
        done += 1
        return done >= count

    await eventually(once, 60, f"{count} messages")
    return done


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_server_that_was_killed_again_and_again_has_every_stream_whole(cluster: Cluster) -> None:
    """Of a stream with little in it and of one with more, whoever leads."""
    bff = await cluster.bus("bff")
    few, many = f"{STREAMS['bff'].lower()}.source.heartbeat.v1", "feed.t.all"
    written = 0
    for _ in range(ROUNDS):
        for name in cluster.servers:
            await write(bff, few, 1)
            written += await write(bff, many, 40)
            await cluster.kill(name, 0.2)
            await write(bff, few, 1)
            written += await write(bff, many, 40)
            for stream in (FEED, STREAMS["bff"]):
                await cluster.is_whole_again(stream)
    info = await cluster.ops.js.stream_info(FEED)
    assert info.state.messages >= written
    logs = [(server.child.command.log.read_text()) for server in cluster.servers.values() if server.child]
    assert not [line for log in logs for line in log.splitlines() if "corrupt" in line]
