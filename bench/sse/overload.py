"""More callers than may come in, or than can: what those notice who are in, and what the others are told.

The callers (`storm.c`) do not wait for each other. Twice the limit: as many as there may be streams knock every second at
a process that is full. Ten times the rate: a process that opens `ATTACH_RATE` streams a second is asked for ten times as
many. The default rate: one whose operator set nothing is asked for more than it can open. Who is let in meanwhile is of
another tenant, to whom nothing is said: those who are in wait for the others' coming in alone.
"""

import asyncio
import time

from bench.report import Report
from bench.sse import ours
from bench.sse.load import Stormed, storm
from bench.sse.servers import Place, desk, this_bff
from bench.sse.stalled import attach, tell

RATE = 20
"""Events a second: deliveries are not the subject."""
FULL = "at twice the limit"
ATTACH_RATE = 250
"""A second: what one core does beside its deliveries and nine times as many refusals, with some left."""
LONGER = 4
"""Where few come in, so that one pause is not the p99: it is that of so many events."""
AFTER_SECONDS = 0.5
"""The storm goes on for so much longer: at its end all of its connections are closed at once, which is another matter."""
DEFAULT_RATE = 2_000
MORE_THAN_CAN = 5_000
FIRST = ours.FIRST_GUEST
"""Number of the first who comes too much."""
CALLER = desk("@" * 20)


async def measure(report: Report, where: Place, count: int, shortest: float) -> None:
    limits = {
        FULL: ({"MAX_STREAMS": str(count)}, count, LONGER * shortest),
        "at ten times the rate": ({"ATTACH_RATE": str(ATTACH_RATE)}, 10 * ATTACH_RATE, LONGER * shortest),
        "at the default rate": ({"ATTACH_RATE": str(DEFAULT_RATE)}, MORE_THAN_CAN, shortest),
    }
    for name, (options, rate, seconds) in limits.items():
        async with this_bff(where, **options) as server:
            load = await attach(where, server, 0, count if name == FULL else min(count, ATTACH_RATE))
            before = await load.open(RATE, seconds)
            used, began = server.cpu(), time.perf_counter()
            stormed, during = await asyncio.gather(
                storm(where.folder, CALLER, FIRST, server.streams[0], rate, seconds + AFTER_SECONDS),
                load.open(RATE, seconds),
            )
            used = (server.cpu() - used) / (time.perf_counter() - began)
            await load.end()
        tell(report, f"{name}, those who are in, before", before)
        tell(report, f"{name}, those who are in, during", during)
        say(report, name, stormed, used)
        ratio = "p99_" + name.replace(" ", "_")
        report.ratio(
            ratio, f"{name}, those who are in, during: p99 ms", f"{name}, those who are in, before: p99 ms"
        )


def say(report: Report, name: str, found: Stormed, used: float) -> None:
    report.add(f"{name}: came per second", found.started / found.seconds)
    report.add(f"{name}: let in", found.admitted)
    report.add(f"{name}: refused with 503", found.refused)
    report.add(f"{name}: of these with Retry-After", found.honest)
    report.add(f"{name}: broken off or without an answer", found.broken + found.unanswered)
    report.add(f"{name}: refusal p99 ms", found.p99_ms)
    report.add(f"{name}: this bff's CPU, %", used * 100)
    report.add(f"{name}: storm's CPU, %", found.cpu / found.seconds * 100)
