"""The process that writes an export is as large for many records as for few."""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

import orjson
import psutil
import pytest

from chassis.ids import uuid7
from services.audit.exports import operations as exports
from services.audit.exports.jobs import MODULE
from tests.integration.audit.stage import Log
from tests.integration.audit.test_export_faults import NOW, queued, told_of
from tests.integration.chassis.numbered_events import numbered

pytestmark = [pytest.mark.timeout(400), pytest.mark.long]
FEW, MANY = 2_000, 50_000
LARGEST = 220 << 20
"""Python and its libraries take some 70 MB of it, the pages of a whole volume of the PDF most of the rest."""


async def peak_of(log: Log, folder: Path, count: int) -> int:
    """Bytes that the writer of an export of `count` records had at most."""
    tenant = uuid7()
    for first in range(0, count, 2_000):
        await log.append([numbered(n, tenant=tenant) for n in range(first, min(first + 2_000, count))], NOW)
    export_id = await queued(log, tenant)
    await log.sign(NOW)
    told = told_of(log, folder, tenant, export_id)
    spoken = told.model_dump(mode="json") | {
        name: getattr(told, name).get_secret_value()
        for name in ("database_url", "worker_database_url", "signing_key", "root_key")
    }
    writer = await asyncio.create_subprocess_exec(sys.executable, "-m", MODULE, stdin=asyncio.subprocess.PIPE)
    assert writer.stdin is not None
    writer.stdin.write(orjson.dumps(spoken))
    writer.stdin.close()
    watched, peak = psutil.Process(writer.pid), 0
    while writer.returncode is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.Error:
            break
        await asyncio.sleep(0.02)
    assert await writer.wait() == 0
    await check(log, tenant, export_id, count)
    return peak


async def check(log: Log, tenant: UUID, export_id: UUID, count: int) -> None:
    async with log.database.reading(tenant) as tx:
        found = await exports.one(tx, tenant, export_id)
    assert (found["state"], found["records"]) == ("ready", count + 1)


async def test_memory_does_not_grow_with_the_records(log: Log, tmp_path: Path) -> None:
    few = await peak_of(log, tmp_path, FEW)
    many = await peak_of(log, tmp_path, MANY)
    assert many < LARGEST, (few, many)
