"""A thousand readers that read nothing, beside others who do: what they cost, and what the others notice of them."""

import asyncio

from bench.report import Report
from bench.sse.load import Generator, Measured
from bench.sse.servers import Place, Running, this_bff

RATE = 100
"""Events a second while the others' delays are measured: much less than is too much for anybody."""
FILLING_RATE = 800
FILLING_EVENTS = 3_200
"""Of 256 bytes, to everybody: more than the kernel and the bff keep for one reader, so that each is parked."""
PATIENCE = {"PARKED_SECONDS": "600"}
"""None of them is let go while it is looked at."""


async def measure(report: Report, where: Place, count: int, stalled: int, seconds: float) -> None:
    """The others' delays before, while the stalled ones fill up, while they are parked, and without them again."""
    async with this_bff(where, **PATIENCE) as server:
        load = await attach(where, server, 0, count)
        await load.open(FILLING_RATE, FILLING_EVENTS / FILLING_RATE)  # the ring is as full as it will be
        before = await load.open(RATE, seconds)
        resident = server.memory()
        others = await attach(where, server, count, stalled)
        await others.stall()
        filling = await load.open(FILLING_RATE, FILLING_EVENTS / FILLING_RATE)
        await asyncio.sleep(1)
        grown = (server.memory() - resident) / stalled / 1024
        beside = await load.open(RATE, seconds)
        await others.end()
        await asyncio.sleep(1)
        after = await load.open(RATE, seconds)
        await load.end()
    tell(report, f"{count:,} streams, no reader stalled", before, after)
    tell(report, f"{count:,} streams, {stalled:,} readers stalled", beside)
    tell(report, f"{count:,} streams, {stalled:,} readers filling up", filling)
    report.add(f"{stalled:,} stalled readers: KB for each", grown)
    report.ratio(
        "p99_beside_stalled_vs_alone",
        f"{count:,} streams, {stalled:,} readers stalled: p99 ms",
        f"{count:,} streams, no reader stalled: p99 ms",
    )


async def attach(where: Place, server: Running, first: int, count: int) -> Generator:
    heads = [server.head(first + number) for number in range(count)]
    return await Generator.attach(where.folder, heads, server.event, server.streams, server.publish)


def tell(report: Report, whose: str, *measures: Measured) -> None:
    for found in measures:
        report.add(f"{whose}: p50 ms", found.p50_ms)
        report.add(f"{whose}: p99 ms", found.p99_ms)
        report.add(f"{whose}: connections lost", found.lost)
