"""Streams and durables, applied by an idempotent job as the user `ops` and only checked by services."""

from dataclasses import dataclass

import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StoreCompression,
    StreamConfig,
)

from contracts import settings
from contracts.subjects import FEED, FEED_PREFIX, SERVICES, STREAMS
from deploy.nats.permissions import CONSUMES, durable_of

DAY_SECONDS = 86_400.0
MAX_MESSAGE_BYTES = 262_144
MAX_SETTING_BYTES = 16_384
BUCKET_BYTES = 256 * 1024**2
DUPLICATE_SECONDS = 300.0
ACK_WAIT_SECONDS = 30.0
MAX_ACK_PENDING = 1_000
MAX_ACK_PENDING_AUDIT = 15_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much an installation keeps: replicas of every stream, bytes per stream."""

    replicas: int = 1
    max_bytes: int = 2 * 1024**3


def stream_configs(size: Size) -> list[StreamConfig]:
    producers = [_stream(STREAMS[service], f"{service}.>", 14 * DAY_SECONDS, size) for service in SERVICES]
    feed = _stream(FEED, f"{FEED_PREFIX}.>", 3 * DAY_SECONDS, size)
    return [*producers, feed, bucket_config(settings.STREAM, settings.PREFIX, size)]


def bucket_config(name: str, prefix: str, size: Size) -> StreamConfig:
    """A key-value bucket (NATS ADR-8) that keeps the last value of each key for ever and refuses new ones when full."""
    return StreamConfig(
        name=name,
        subjects=[f"{prefix}>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_bytes=BUCKET_BYTES,
        max_msg_size=MAX_SETTING_BYTES,
        duplicate_window=DUPLICATE_SECONDS,
        num_replicas=size.replicas,
        compression=StoreCompression.NONE,
        allow_direct=True,
        deny_delete=True,
    )


def durable_configs() -> list[tuple[str, ConsumerConfig]]:
    """(stream, durable): unfiltered, explicit acknowledgement, delivered until acknowledged."""
    return [
        (
            STREAMS[producer],
            ConsumerConfig(
                durable_name=durable_of(service),
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT_SECONDS,
                max_deliver=-1,
                max_ack_pending=MAX_ACK_PENDING_AUDIT if service == "audit" else MAX_ACK_PENDING,
            ),
        )
        for service, producers in CONSUMES.items()
        for producer in producers
    ]


async def provision(js: JetStreamContext, size: Size) -> None:
    """Make what is missing and bring what differs in line; running it again changes nothing."""
    for config in stream_configs(size):
        try:
            await js.add_stream(config)
        except nats.js.errors.BadRequestError:
            await js.update_stream(config)
    for stream, durable in durable_configs():
        await js.add_consumer(stream, durable)


def _stream(name: str, subjects: str, max_age: float, size: Size) -> StreamConfig:
    return StreamConfig(
        name=name,
        subjects=[subjects],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        max_age=max_age,
        max_bytes=size.max_bytes,
        max_msg_size=MAX_MESSAGE_BYTES,
        duplicate_window=DUPLICATE_SECONDS,
        num_replicas=size.replicas,
        compression=StoreCompression.NONE,
        allow_direct=True,
        allow_atomic=True,
        deny_delete=True,
    )
