"""The servers under test: how each is started on its core, spoken to, and ended."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from nats.aio.client import Client

from bench.sse import cores, event, ours
from contracts.subjects import feed_subject
from scripts import debian
from tests.infra import eventually
from tests.integration.bff.stage import STREAM, Stage
from tests.ports import free_port

CHECKOUT = Path(__file__).parents[2]
OPTIONS = {"WARM_MESSAGES": "0", "ATTACH_RATE": "1000000"}
ALL = "all"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up: whose memory counts, its ports, what publishes one event, what opens stream `number`."""

    pid: int
    streams: Sequence[int]
    publish: Sequence[int]
    event: bytes
    head: Callable[[int], bytes]

    def heads(self, count: int) -> list[bytes]:
        return [self.head(number) for number in range(count)]

    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def cpu(self) -> float:
        """Seconds used so far."""
        used = psutil.Process(self.pid).cpu_times()
        return float(used.user + used.system)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with the built programs, and what the bff stands on."""

    folder: Path
    stage: Stage
    bus: Client


class Feeder(asyncio.Protocol):
    """Takes events line by line and hands them to FEED, as the relay would: the bff reads them from there."""

    number = 0

    def __init__(self, bus: Client) -> None:
        self._bus = bus
        self._rest = b""
        self._subject = feed_subject(ours.TENANT, ALL)
        self._sending: set[asyncio.Task[None]] = set()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            Feeder.number += 1
            headers = {
                "feed-type": event.TYPE,
                "feed-audience": ALL,
                "feed-n": str(Feeder.number),
                "feed-place": str(Feeder.number),
            }
            task = asyncio.get_running_loop().create_task(
                self._bus.publish(self._subject, line, headers=headers)
            )
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)


@asynccontextmanager
async def this_bff(place: Place, **options: str) -> AsyncIterator[Running]:
    """`options` are settings of it, by their names in the environment."""
    with cores.on(cores.SERVER):
        bff = await place.stage.start_bff(
            "bench", place.stage.registry_url, {**OPTIONS, **options}, module=ours.__name__
        )
    feeder = await asyncio.get_running_loop().create_server(lambda: Feeder(place.bus), "127.0.0.1", 0)
    port = feeder.sockets[0].getsockname()[1]

    try:
        yield Running(
            bff.process.pid, [bff.stream_port], [port], event.data() + b"\n", lambda number: desk(str(number))
        )
    finally:
        feeder.close()
        bff.process.end()


def desk(number: str) -> bytes:
    """The request of a desk for its stream at this bff."""
    asked = f"GET {STREAM} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
    return f"{asked}Authorization: {ours.SCHEME} {number}\r\n\r\n".encode()


@asynccontextmanager
async def started(place: Place, *command: str, port: int, on: list[int] = cores.SERVER) -> AsyncIterator[int]:
    """A program that listens at `port`; its process id. What it complains of goes to a file."""
    with (place.folder / "server.log").open("wb") as log, cores.on(on):
        process = subprocess.Popen(command, cwd=CHECKOUT, stderr=log)  # noqa: ASYNC220  # forks from the pinned thread
    try:
        await eventually(lambda: listens(port), 30, f"{command[0]} at {port}")
        yield process.pid
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        await asyncio.to_thread(process.wait)


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def asgi(place: Place, kind: str) -> AsyncIterator[Running]:
    port = free_port()
    async with started(place, sys.executable, "-m", "bench.sse.asgi", kind, str(port), port=port) as pid:
        yield Running(pid, [port], [port], event.post("/publish"), get("/stream"))


@asynccontextmanager
async def raw(place: Place, tick_ms: int = 0, on: list[int] = cores.SERVER) -> AsyncIterator[Running]:
    streams, publish = free_port(), free_port()
    command = [str(place.folder / "raw"), str(streams), str(publish), str(event.FRAME_BYTES), str(tick_ms)]
    async with started(place, *command, port=streams, on=on) as pid:
        yield Running(pid, [streams], [publish], event.frame(event.data()), get("/"))


BUILT_IN, RELATIVE = b"/var/lib/nginx/body", b"./././././././nchan"
"""The module's folder for large messages, and one of the same length below ours: its directive says `duplicate`."""
NGINX = """
load_module {folder}/nchan.so;
user root; daemon off; worker_processes 1; worker_rlimit_nofile {files};
pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections {connections}; use epoll; }}
http {{
  access_log off; keepalive_timeout 1h; keepalive_requests 1000000000; tcp_nodelay on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /stream {{
      nchan_subscriber eventsource; nchan_channel_id bench; nchan_subscriber_first_message newest;
    }}
    location = /publish {{
      nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 16; nchan_message_timeout 1m;
    }}
  }}
}}
"""


@asynccontextmanager
async def nchan(place: Place) -> AsyncIterator[Running]:
    """nginx with one worker, unpacked from Debian's packages. Raises debian.NotToBeHad."""
    root = debian.unpacked("nginx", "libnginx-mod-nchan")
    port, folder = free_port(), place.folder / "nginx"
    folder.mkdir(exist_ok=True)
    module = (root / "usr/lib/nginx/modules/ngx_nchan_module.so").read_bytes()
    (folder / "nchan.so").write_bytes(module.replace(BUILT_IN, RELATIVE))
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, files=20_000, connections=19_000))
    command = [
        str(root / "usr/sbin/nginx"),
        "-p",
        str(folder),
        "-e",
        str(folder / "start.log"),
        "-c",
        str(config),
    ]
    async with started(place, *command, port=port) as pid:
        master = psutil.Process(pid)
        await eventually(lambda: bool(master.children()), what="the worker")
        (worker,) = master.children()
        said = event.post("/publish", f"X-EventSource-Event: {event.TYPE}\r\n")
        yield Running(worker.pid, [port], [port], said, get("/stream"))


def get(path: str) -> Callable[[int], bytes]:
    asked = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n".encode()
    return lambda _: asked
