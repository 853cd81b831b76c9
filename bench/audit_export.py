"""Exports: how long one takes, and how large its writer gets, by the number of records.

    python -m bench.audit_export [--quick]

The writer is the process that audit starts for an export; its memory is read from outside. A million records, or fifty
thousand with `--quick`; then a tenth of that, so that growth with the records would show as a ratio.
"""

import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import psutil

from bench.audit import Place, feed, place, records
from bench.report import Report, arguments
from chassis.ids import uuid7
from services.audit.exports import operations as exports
from services.audit.exports.jobs import MODULE
from tests.integration.audit.stage import Log
from tests.integration.audit.test_export_faults import NOW, queued, told_of
from tests.integration.chassis.numbered_events import numbered

BATCH = 5_000


async def measured(here: Place, folder: Path, count: int) -> tuple[float, float, float]:
    """(seconds, peak in MiB, size of the ZIP in MiB) of an export of `count` records."""
    tenant = uuid7()
    for first in range(0, count, BATCH):
        await feed(here.database, records([numbered(n, tenant=tenant) for n in range(first, first + BATCH)]))
    log = Log(here.admin, here.database)
    export_id = await queued(log, tenant)
    await log.sign(NOW)
    told = told_of(log, folder, tenant, export_id)
    secrets = ("database_url", "worker_database_url", "signing_key", "root_key")
    spoken = told.model_dump(mode="json") | {name: getattr(told, name).get_secret_value() for name in secrets}
    began = time.perf_counter()
    writer = await asyncio.create_subprocess_exec(sys.executable, "-m", MODULE, stdin=asyncio.subprocess.PIPE)
    writing = asyncio.create_task(writer.communicate(orjson.dumps(spoken)))
    watched, peak = psutil.Process(writer.pid), 0
    while not writing.done():
        peak = max(peak, watched.memory_info().rss)
        await asyncio.sleep(0.05)
    took = time.perf_counter() - began
    async with here.database.reading(tenant) as tx:
        found = await exports.one(tx, tenant, export_id)
    assert (found["state"], found["records"]) == ("ready", count + 1), found["error"]  # noqa: S101  # else there is no figure
    return took, peak / 2**20, found["bytes"] / 2**20


async def main() -> None:
    chosen = arguments(__doc__)
    report = Report("audit_export", chosen)
    many = 50_000 if chosen.quick else 1_000_000
    async with place() as here:
        with TemporaryDirectory() as folder:
            for name, count in (("tenth", many // 10), ("whole", many)):
                seconds, peak, size = await measured(here, Path(folder), count)
                report.add(f"{name}_seconds", seconds)
                report.add(f"{name}_peak_mib", peak)
                report.add(f"{name}_zip_mib", size)
                report.add(f"{name}_records_per_s", count / seconds)
    report.ratio("memory_of_ten_times_the_records", "whole_peak_mib", "tenth_peak_mib")
    report.finish()


if __name__ == "__main__":
    asyncio.run(main())
