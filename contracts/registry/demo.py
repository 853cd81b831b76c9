"""The demo tenant, and what becomes of it every night."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from contracts.event import Event, Time


class DemoEvent(Event):
    """An event about one night of the demo tenant; its version is the night, as a number of days."""

    aggregate: ClassVar = "demo"
    aggregate_field: ClassVar = "tenant_id"

    tenant_id: UUID
    night: date
    finished_at: Time


class DemoResetV1(DemoEvent):
    """The demo tenant is as it should be: the registry's records and those of every product, counted and checked."""

    type: ClassVar = "registry.demo.reset.v1"

    records: int
    checksum: str
    """Of the registry's own records, in hexadecimal."""


class DemoResetFailedV1(DemoEvent):
    """The demo tenant is not as it should be; a person must look. Each fault names a product or the registry."""

    type: ClassVar = "registry.demo.reset_failed.v1"

    faults: tuple[str, ...]
