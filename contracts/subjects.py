"""Streams and subjects: the NATS subject is the event type, literally."""

from uuid import UUID

SERVICES = ("registry", "bff", "audit", "sync", "notifier")
STREAMS = {service: service.upper() for service in SERVICES}
"""Service → the stream that it alone writes."""
FEED = "FEED"
FEED_PREFIX = "feed"
RECEIPTS = "rpc.audit.receipt"
"""Where audit is asked for the proof that an event is in its log: `contracts.receipts`."""


def source_of(service: str) -> str:
    """The CloudEvents source of a service."""
    return f"/tenantry/{service}"


def service_of(source: str) -> str:
    """The service behind a CloudEvents source; raises ValueError for a foreign one."""
    prefix, _, service = source.rpartition("/")
    if prefix != "/tenantry" or service not in SERVICES:
        raise ValueError(f"{source!r} is no service of Tenantry")
    return service


def stream_of(type_: str) -> str:
    """The stream in which events of this type live."""
    return STREAMS[type_.split(".", 1)[0]]


def schema_of(type_: str) -> str:
    """The schema URI of an event type."""
    return f"urn:tenantry:schema:{type_}"


def feed_subject(tenant_id: UUID, audience: str) -> str:
    """Subject of what desktops of a tenant see: audience `all`, `p.<property>`, `r.<role>`, `o.<member>`, `d.<device>`."""
    return f"{FEED_PREFIX}.{tenant_id}.{audience}"


def replay_subject(service: str) -> str:
    """Where a range of a service's outbox is asked for."""
    return f"rpc.{service}.outbox.replay"
