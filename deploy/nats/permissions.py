"""The one table of who may say and hear what on the bus; the server's configuration is made from it."""

from dataclasses import dataclass

from contracts import settings
from contracts.subjects import FEED, FEED_PREFIX, RECEIPTS, SERVICES, STREAMS, replay_subject

CONSUMES: dict[str, tuple[str, ...]] = {
    "registry": (),
    "bff": ("registry", "sync", "bff", "audit"),
    "audit": SERVICES,
    "sync": ("registry",),
    "notifier": ("registry",),
}
"""Service → the producers whose streams it reads, each through the durable `<service>-inbox`."""

SETTINGS_WRITER = "registry"
"""The service that alone writes the bucket of flags and version floors."""

STREAM_NEWS = "rpc.bff.streams"
"""Where the processes of the bff tell each other which streams were opened."""

OPS = "ops"
"""The user that provisions streams and durables; no service has it."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects that a user may publish to and subscribe to; answers to requests are allowed beside them."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def durable_of(service: str) -> str:
    return f"{service}-inbox"


def permissions_of(service: str) -> Permissions:
    """Exactly what one service needs. Wildcards stand for whole tokens only, so every durable is named."""
    publish = [f"{service}.>", *_own_stream(STREAMS[service])]
    for producer in CONSUMES[service]:
        publish += _durable(STREAMS[producer], durable_of(service))
        publish.append(replay_subject(producer))
    if service == "registry":
        publish.append(_listener(STREAMS[service]))
    if service == "bff":
        publish += [f"{FEED_PREFIX}.>", *_own_stream(FEED), *_reader(FEED), STREAM_NEWS, RECEIPTS]
    subscribe = [f"_INBOX_{service}.>", f"rpc.{service}.>"]
    if service in (SETTINGS_WRITER, *settings.READERS):
        publish.append(f"$JS.API.DIRECT.GET.{settings.STREAM}")
    if service == SETTINGS_WRITER:
        publish.append(f"{settings.PREFIX}>")
    if service in settings.READERS:
        subscribe.append(f"{settings.PREFIX}>")
    return Permissions(tuple(publish), tuple(subscribe))


def _own_stream(stream: str) -> list[str]:
    return [f"$JS.API.STREAM.INFO.{stream}", f"$JS.API.STREAM.MSG.GET.{stream}"]


def _durable(stream: str, durable: str) -> list[str]:
    return [
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
        f"$JS.API.CONSUMER.INFO.{stream}.{durable}",
        f"$JS.ACK.{stream}.{durable}.>",
        f"$JS.ACK.*.*.{stream}.{durable}.>",
    ]


def _listener(stream: str) -> str:
    """Nameless consumers that only push: `chassis.news`. The server ends them when nobody listens."""
    return f"$JS.API.CONSUMER.CREATE.{stream}"


def _reader(stream: str) -> list[str]:
    """Ephemeral consumers and direct reads of a stream."""
    return [
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.INFO.{stream}.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.>",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.ACK.{stream}.>",
        f"$JS.ACK.*.*.{stream}.>",
        f"$JS.FC.{stream}.>",
    ]
