"""`events tail|show|replay`: what is said on the bus."""

import asyncio
import base64
import json
from typing import Annotated, Any

import nats.errors
import nats.js.errors
import orjson
import typer
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from contracts.subjects import STREAMS, replay_subject
from tenantry.commands import running
from tenantry.commands.folder import run
from tenantry.commands.running import AsJson, console
from tenantry.stack.errors import StackError

events = typer.Typer(no_args_is_help=True, help="What is said on the bus.")
Service = Annotated[str, typer.Argument(help="registry, bff, audit, sync or notifier.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.add_typer(events, name="events")


def stream_of(service: str) -> str:
    """Raises StackError for a service that there is not."""
    if service not in STREAMS:
        raise StackError(f"there is no service {service!r}; known are {', '.join(STREAMS)}")
    return STREAMS[service]


@events.command()
def tail(
    service: Annotated[str | None, typer.Argument(help="Only this service's events.")] = None,
    since_start: Annotated[
        bool, typer.Option("--all", help="From the beginning instead of from now.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Go on until Ctrl-C.")] = True,
    as_json: AsJson = False,
) -> None:
    """Show events as they are published."""
    run(follow_streams(service, since_start=since_start, follow=follow, as_json=as_json))


async def follow_streams(service: str | None, *, since_start: bool, follow: bool, as_json: bool) -> None:
    streams = [stream_of(service)] if service else list(STREAMS.values())
    policy = DeliverPolicy.ALL if since_start else DeliverPolicy.NEW

    async def say(message: Msg) -> None:
        print_event(dict(message.headers or {}), message.data, as_json=as_json)

    async with running.bus(running.stack()) as client:
        for stream in streams:
            config = ConsumerConfig(deliver_policy=policy)
            await client.jetstream().subscribe(
                ">", stream=stream, ordered_consumer=True, config=config, cb=say
            )
        await (asyncio.Event().wait() if follow else asyncio.sleep(1.0))


@events.command()
def show(service: Service, sequence: Annotated[int, typer.Argument(help="Sequence in the stream.")]) -> None:
    """Show one stored event whole."""

    async def work() -> tuple[dict[str, str], bytes]:
        stream = stream_of(service)
        async with running.bus(running.stack()) as client:
            try:
                message = await client.jetstream().get_msg(stream, seq=sequence)
            except nats.js.errors.Error as error:
                raise StackError(f"{stream} holds no message {sequence}: {error}") from error
            return dict(message.headers or {}), message.data or b""

    headers, data = run(work())
    console.print_json(json.dumps({"headers": headers, "data": orjson.loads(data)}))


@events.command()
def replay(
    service: Service,
    epoch: Annotated[str, typer.Argument(help="Epoch of the numbering.")],
    first: Annotated[int, typer.Argument(min=1)],
    last: Annotated[int, typer.Argument(min=1)],
    as_json: AsJson = False,
) -> None:
    """Ask a service's outbox for a range of its numbers; nothing is published again."""

    async def work() -> list[dict[str, Any]]:
        stream_of(service)
        found: list[dict[str, Any]] = []
        start: int | None = first
        async with running.bus(running.stack()) as client:
            while start is not None:
                asked = orjson.dumps({"epoch": epoch, "from": start, "to": last, "limit": 500})
                try:
                    page = orjson.loads(
                        (await client.request(replay_subject(service), asked, timeout=5)).data
                    )
                except nats.errors.Error as error:
                    raise StackError(f"{service} does not answer: {error!r}") from error
                if "error" in page:
                    raise StackError(f"{service} refused: {page['error']}")
                found += page["messages"]
                start = page["next"]
        return found

    for message in run(work()):
        print_event(message["headers"], base64.b64decode(message["data_b64"]), as_json=as_json)


def print_event(headers: dict[str, str], data: bytes, *, as_json: bool) -> None:
    if as_json:
        console.print(json.dumps({"headers": headers, "data": orjson.loads(data)}), soft_wrap=True)
        return
    tenant = headers.get("ce-tenantid", "_")[:8]
    place = int(headers.get("ce-sequence", "0"))
    time, type_, subject = (headers.get(f"ce-{name}", "") for name in ("time", "type", "subject"))
    console.print(f"{time[:23]}  {place:>7}  {tenant:<8}  {type_}  {subject}")
