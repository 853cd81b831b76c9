"""One stream per device over all processes: who opens one says so, and an older one elsewhere ends.

Said once and not kept: where it is lost, a device has two streams until the older one ends by itself, which costs
bandwidth and nothing else.
"""

from uuid import UUID

import orjson
import structlog
from nats.aio.msg import Msg

from chassis.bus import Bus
from services.bff.hub import Hub, Stream

log = structlog.get_logger(__name__)
SUBJECT = "rpc.bff.streams"


class Evictions:
    """A part of the runtime: hears the other processes until it is cancelled."""

    def __init__(self, bus: Bus, hub: Hub) -> None:
        self._bus = bus
        self._hub = hub

    async def listen(self) -> None:
        """From now on, on this and every later connection."""
        await self._bus.listen(SUBJECT, self._hear)

    async def tell(self, stream: Stream) -> None:
        """The device has a stream here now."""
        told = [str(stream.tenant_id), str(stream.device_id), stream.generation]
        await self._bus.tell(SUBJECT, orjson.dumps(told))

    async def _hear(self, message: Msg) -> None:
        try:
            tenant_id, device_id, generation = orjson.loads(message.data)
            self._hub.evict(UUID(tenant_id), UUID(device_id), int(generation))
        except ValueError:
            log.warning("evictions.unreadable", data=message.data[:80])
