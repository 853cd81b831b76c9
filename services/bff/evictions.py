"""One stream per device over all processes: who opens one says so, and an older one elsewhere ends.

Said once and not kept: where it is lost, a device has two streams until the older one ends by itself, which costs
bandwidth and nothing else.
"""

import asyncio
from uuid import UUID

import orjson
import structlog
from nats.aio.msg import Msg

from chassis.bus import Bus
from services.bff.hub import Hub, Stream

log = structlog.get_logger(__name__)
SUBJECT = "rpc.bff.streams"
GATHER_SECONDS = 0.005
"""What a crowd opens is told together."""
MOST_TOLD = 1_000
"""Of one message, far below the largest that is taken."""
MOST_ECHOES = 16


class Evictions:
    """Tells the other processes which devices have a stream here now, and hears them."""

    def __init__(self, bus: Bus, hub: Hub) -> None:
        self._bus = bus
        self._hub = hub
        self._told: list[tuple[UUID, UUID, int]] = []
        self._own: set[bytes] = set()
        """What this process said and has not heard back; of its own streams the hub knows."""
        self._telling: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        """From now on, on this and every later connection."""
        await self._bus.listen(SUBJECT, self._hear)

    def tell(self, stream: Stream) -> None:
        """The device has a stream here now; heard everywhere in some milliseconds."""
        self._told.append((stream.tenant_id, stream.device_id, stream.generation))
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        told, self._told, self._telling = self._told, [], None
        for first in range(0, len(told), MOST_TOLD):
            data = orjson.dumps(told[first : first + MOST_TOLD], default=str)
            if len(self._own) >= MOST_ECHOES:  # the bus was away: what was said is lost
                self._own.clear()
            self._own.add(data)
            await self._bus.tell(SUBJECT, data)

    async def _hear(self, message: Msg) -> None:
        if message.data in self._own:
            self._own.discard(message.data)
            return
        try:
            for tenant_id, device_id, generation in orjson.loads(message.data):
                self._hub.evict(UUID(tenant_id), UUID(device_id), int(generation))
        except (ValueError, TypeError):
            log.warning("evictions.unreadable", data=message.data[:80])
