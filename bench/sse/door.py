"""What coming in costs with nothing left out: the real bff, and for each device a token and a proof of its own."""

import asyncio

import httpx
import psutil

from bench.report import Report
from bench.sse import cores
from bench.sse.load import Generator
from bench.sse.servers import OPTIONS, Place
from chassis.db import Database
from chassis.ids import uuid7
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import STREAM, Bff


async def enrolled(where: Place, count: int) -> list[Desk]:
    """Desks of one tenant, which the bff's directory knows."""
    dsns, tenant_id = where.stage.dsns, uuid7()
    database = Database("bff", dsns.database_url, dsns.worker_database_url)
    await database.open()
    desks = [Desk(where.stage.issuer, tenant_id=tenant_id) for _ in range(count)]
    for desk in desks:
        await desk.enrol(database)
    await database.close()
    return desks


def head(url: str, desk: Desk, token: str, nonce: str) -> bytes:
    proof = desk.proof("GET", url, token, nonce=nonce)
    asked = f"GET {STREAM} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
    return f"{asked}Authorization: DPoP {token}\r\nDPoP: {proof}\r\n\r\n".encode()


def cpu_of(bff: Bff) -> float:
    """Seconds used so far."""
    used = psutil.Process(bff.process.pid).cpu_times()
    return float(used.user + used.system)


async def measure(report: Report, where: Place, count: int) -> None:
    """Attaches a second: of tokens that are seen for the first time, then of the same ones with fresh proofs."""
    desks = await enrolled(where, count)
    tokens = [desk.token() for desk in desks]
    with cores.on(cores.SERVER):
        bff = await where.stage.start_bff("door", where.stage.registry_url, OPTIONS)
    try:
        url = f"{bff.stream}{STREAM}"
        async with httpx.AsyncClient(trust_env=False) as http:
            for figure in ("first", "again"):
                nonce = (await http.get(f"{bff.stream}/livez")).headers["dpop-nonce"]
                heads = [head(url, desk, token, nonce) for desk, token in zip(desks, tokens, strict=True)]
                ports, used, resident = [bff.stream_port], cpu_of(bff), bff.process.resident_bytes
                load = await Generator.attach(where.folder, heads, b"@" * 20, ports, ports)
                used, resident = cpu_of(bff) - used, bff.process.resident_bytes - resident
                label = f"this bff, real door and proofs, {figure}"
                report.add(f"{label}: attaches/s", load.attached.rate)
                report.add(f"{label}: CPU us for each", used / count * 1e6)
                report.add(f"{label}: KB for each", resident / count / 1024)
                await load.end()
                await asyncio.sleep(0.5)
    finally:
        bff.process.end()
