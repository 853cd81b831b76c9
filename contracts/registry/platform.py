"""What holds for the platform: flags, version floors, the pulse of the outbox."""

from typing import ClassVar

from contracts.event import Event, Time


class FlagChangedV1(Event):
    """A flag has this value for the platform (tenant null) or for one tenant; null when it was cleared.

    The aggregate is the flag in that scope: versions are compared per tenant.
    """

    type: ClassVar = "registry.flag.changed.v1"
    aggregate: ClassVar = "flag"
    aggregate_field: ClassVar = "name"

    name: str
    value: bool | str | int | None


class VersionFloorChangedV1(Event):
    """The lowest version that may come in, per platform and channel; advisory below `advise`, refused below `enforce`.

    Without `advise`, `enforce` and `block` the floor was cleared. The aggregate is the floor in its scope.
    """

    type: ClassVar = "registry.version_floor.changed.v1"
    aggregate: ClassVar = "version_floor"
    aggregate_field: ClassVar = "platform"

    platform: str
    channel: str
    advise: str | None
    enforce: str | None
    block: tuple[str, ...]
    effective_at: Time

    @property
    def aggregate_id(self) -> str:
        """Channels of a platform have floors of their own."""
        return f"{self.platform}/{self.channel}"


class RegistrySourceHeartbeatV1(Event):
    """The registry's last number, said regularly so that a hole at the end is seen."""

    type: ClassVar = "registry.source.heartbeat.v1"
    aggregate: ClassVar = "source"
    aggregate_field: ClassVar = "source"

    tenant_id: None = None
    source: str
    epoch: str
    last_seq: int
