"""Live fan-out: this bff beside sse-starlette, FastAPI's own SSE, nginx's nchan and a bare C loop that only sends.

`python -m bench.sse [--quick] [--connections 1000,5000,15000] [--parts fanout,stalled] [--rounds N] [--json FILE]`.
By turns in one run, each round with fresh processes: so many streams are
opened (attaches a second), one event at a time is sent to all (p50 and p99 from publication to receipt; then memory per
connection), then four are always under way (deliveries a second, and per second of the server's CPU time, which holds where
other work takes part of its core). Beside that: what arrives when 1,600 events a second are
offered to 1,000 streams, what the real door costs, what the load generator itself could take, what a thousand readers that
read nothing cost the others, and what those who are in notice of many who want to come in.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
import uvloop

from bench.report import Report, arguments
from bench.sse import cores, door, overload, stalled
from bench.sse.load import IN_FLIGHT, Generator, Measured, build
from bench.sse.servers import Place, Running, asgi, nchan, raw, this_bff
from scripts import debian
from tests.infra import TestNats, TestPostgres
from tests.integration.bff.stage import Issuer, Stage, nowhere

OURS, NCHAN, RAW = "this bff", "nchan", "raw send"
STARLETTE, FASTAPI = "sse-starlette", "fastapi.sse"
UNDER_WAY = 4
OFFERED = 1_600
JOINED_STREAMS = 1_000
JOINED_TICK_MS = 10
SETTLE_SECONDS = 0.5

Server = Callable[[Place], AbstractAsyncContextManager[Running]]
SERVERS: dict[str, Server] = {
    OURS: this_bff,
    NCHAN: nchan,
    STARLETTE: lambda place: asgi(place, "sse_starlette"),
    FASTAPI: lambda place: asgi(place, "fastapi"),
    RAW: raw,
}
UNITS = {
    "rate": "deliveries/s",
    "per_cpu": "deliveries per second of its CPU time",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "memory": "KB per connection",
    "attach": "attaches/s",
    "load": "load generator, % of its cores",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    sizes: tuple[int, ...]
    rounds: int
    rounds_beside: int
    seconds: float
    guests: int
    """Devices that come through the real door."""
    streams: int
    """Beside the readers that stall, and at the limit."""
    stalled: int


QUICK = Plan((1_000,), 2, 1, 1.0, 200, 300, 300)
FULL = Plan((1_000, 5_000, 15_000), 1, 1, 4.0, 2_000, 1_000, 1_000)
PARTS = ("fanout", "joined", "ceiling", "door", "stalled", "overload")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", metavar="N,N", help="how many streams, one size after the other")
    parser.add_argument("--rounds", type=int, help="of everything")
    parser.add_argument(
        "--servers", default=",".join(SERVERS), help="some of them; all by default: %(default)s"
    )
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}; all by default")


def chosen_plan(chosen: argparse.Namespace) -> Plan:
    """Raises SystemExit for what cannot be run here."""
    plan = QUICK if chosen.quick else FULL
    if chosen.connections:
        plan = replace(plan, sizes=tuple(map(int, chosen.connections.split(","))))
    if chosen.rounds:
        plan = replace(plan, rounds=chosen.rounds, rounds_beside=chosen.rounds)
    if unknown := set(chosen.parts.split(",")) - set(PARTS):
        raise SystemExit(f"bench.sse: no parts named {', '.join(sorted(unknown))}")
    crowd = round(overload.DEFAULT_RATE * (plan.seconds + 1)) if "overload" in chosen.parts.split(",") else 0
    cores.allow_files(max(*plan.sizes, 2 * plan.streams, plan.streams + plan.stalled, crowd) + 1_000)
    return plan


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """The programs and what the bff stands on, in memory where there is some: disks are not the subject."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
    with tempfile.TemporaryDirectory(
        prefix="tenantry-bench-", dir=memory if memory.is_dir() else None
    ) as name:
        folder = Path(name)
        folder.chmod(0o755)
        build(folder)
        postgres = await TestPostgres.start(folder / "postgres", "18")
        nats = await TestNats.start_new(folder / "nats")
        try:
            await postgres.make_template()
            database = await postgres.clone()
            stage = Stage(
                nats, postgres.dsns("bff", database), Issuer(folder / "issuer"), folder, nowhere(),
                postgres.dsns("registry", database),
            )  # fmt: skip
            await stage.start_issuer()
            await stage.say_settings()
            try:
                yield Place(folder, stage, (await nats.bus("bff")).nc)
            finally:
                stage.end()
        finally:
            await nats.close()
            await postgres.server.stop()


async def attach(where: Place, server: Running, count: int) -> Generator:
    return await Generator.attach(
        where.folder, server.heads(count), server.event, server.streams, server.publish
    )


async def measure(report: Report, where: Place, name: str, count: int, seconds: float) -> None:
    """One round of one server with so many streams."""
    async with SERVERS[name](where) as server:
        warm = await attach(
            where, server, 2 * IN_FLIGHT
        )  # what an opening needs for a moment is there from now on
        await warm.closed(UNDER_WAY, SETTLE_SECONDS)
        await warm.end()
        await asyncio.sleep(SETTLE_SECONDS)
        before = server.memory()
        load = await attach(where, server, count)
        await asyncio.sleep(SETTLE_SECONDS)
        single = await load.closed(1, seconds, 3)
        memory = (server.memory() - before) / count / 1024
        used = server.cpu()
        many = await load.closed(UNDER_WAY, seconds, 1)
        used = server.cpu() - used
        await load.end()
    check_whole(name, single, many)
    figures = {
        "rate": many.rate, "per_cpu": many.deliveries / used, "p50": single.p50_ms, "p99": single.p99_ms, "memory": memory,
        "attach": load.attached.rate, "load": many.load_share * 100,
    }  # fmt: skip
    for figure, value in figures.items():
        report.add(figure_of(name, count, figure), value)
    print(f"{time.perf_counter():,.0f} s: {name}, {count:,}: {many.rate:,.0f} deliveries/s", flush=True)


async def measure_or_say(report: Report, where: Place, name: str, count: int, seconds: float) -> None:
    """A peer that cannot hold so many streams is told of and left out; this bff has to."""
    try:
        await measure(report, where, name, count, seconds)
    except RuntimeError as error:
        if name == OURS:
            raise
        print(f"{name}, {count:,}: {error}; left out of this round", flush=True)


def check_whole(name: str, *measures: Measured) -> None:
    if lost := max(measure.lost for measure in measures):
        raise RuntimeError(f"{name} ended {lost} connections while it was measured")


def figure_of(name: str, count: int, figure: str) -> str:
    return f"{name}, {count:,}: {UNITS[figure]}"


async def measure_joined(report: Report, where: Place, seconds: float) -> None:
    """Many small events: what a server does that may put those of some milliseconds into one write."""
    servers: dict[str, Server] = {OURS: this_bff, RAW: lambda place: raw(place, JOINED_TICK_MS)}
    for name, start in servers.items():
        async with start(where) as server:
            load = await attach(where, server, JOINED_STREAMS)
            await asyncio.sleep(SETTLE_SECONDS)
            found = await load.open(OFFERED, seconds)
            await load.end()
        label = f"{name}, {OFFERED:,} events/s to {JOINED_STREAMS:,}"
        report.add(f"{label}: deliveries/s", found.rate)
        report.add(f"{label}: p50 ms", found.p50_ms)
        report.add(f"{label}: p99 ms", found.p99_ms)
        report.add(f"{label}: connections lost", found.lost)


async def measure_ceiling(report: Report, where: Place, count: int, seconds: float) -> None:
    """What the generator takes when two bare loops on two cores send to it: more than any one server can."""
    async with raw(where) as one, raw(where, on=cores.OTHERS) as other:
        load = await Generator.attach(
            where.folder, one.heads(count), one.event, [*one.streams, *other.streams], [*one.publish, *other.publish]
        )  # fmt: skip
        found = await load.closed(UNDER_WAY, seconds)
        await load.end()
    report.add(f"load generator fed by two bare loops, {count:,}: deliveries/s", found.rate)
    report.add(f"load generator fed by two bare loops, {count:,}: % of its cores", found.load_share * 100)


def say_ratios(report: Report, sizes: tuple[int, ...]) -> None:
    """Each ratio at each size, and under its plain name the worst of them."""
    wanted = {
        "deliveries_vs_nchan": ("rate", NCHAN, min),
        "deliveries_vs_sse_starlette": ("rate", STARLETTE, min),
        "deliveries_vs_fastapi_sse": ("rate", FASTAPI, min),
        "deliveries_vs_raw_send": ("rate", RAW, min),
        "deliveries_per_cpu_vs_nchan": ("per_cpu", NCHAN, min),
        "deliveries_per_cpu_vs_raw_send": ("per_cpu", RAW, min),
        "memory_vs_nchan": ("memory", NCHAN, max),
    }
    for name, (figure, peer, worst) in wanted.items():
        both = [
            size
            for size in sizes
            if {figure_of(OURS, size, figure), figure_of(peer, size, figure)} <= report.rounds.keys()
        ]
        for size in both:
            label = f"{name}_at_{size}"
            report.ratio(label, figure_of(OURS, size, figure), figure_of(peer, size, figure))
        if both:
            report.ratios[name] = worst(report.ratios[f"{name}_at_{size}"] for size in both)


def present() -> list[str]:
    """The servers that can be had here; says which cannot, and why."""
    try:
        debian.unpacked("nginx", "libnginx-mod-nchan")
    except debian.NotToBeHad as error:
        print(f"without nchan: {error}")
        return [name for name in SERVERS if name != NCHAN]
    return list(SERVERS)


async def main() -> None:
    report = Report("sse", arguments(__doc__, options))
    plan, parts = chosen_plan(report.chosen), report.chosen.parts.split(",")
    os.sched_setaffinity(0, cores.OTHERS)
    wanted = report.chosen.servers.split(",")
    names = [name for name in present() if name in wanted]
    async with place() as where:
        for _ in range(plan.rounds if "fanout" in parts else 0):
            for size in plan.sizes:
                for name in names:
                    await measure_or_say(report, where, name, size, plan.seconds)
        beside: dict[str, Callable[[], Awaitable[None]]] = {
            "joined": lambda: measure_joined(report, where, plan.seconds),
            "ceiling": lambda: measure_ceiling(report, where, plan.sizes[0], plan.seconds),
            "door": lambda: door.measure(report, where, plan.guests),
            "stalled": lambda: stalled.measure(report, where, plan.streams, plan.stalled, plan.seconds),
            "overload": lambda: overload.measure(report, where, plan.streams, plan.seconds),
        }
        for _ in range(plan.rounds_beside):
            for part, measure_part in beside.items():
                if part in parts:
                    await measure_part()
                    print(f"{time.perf_counter():,.0f} s: {part}", flush=True)
    say_ratios(report, plan.sizes)
    report.finish()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    uvloop.run(main())
