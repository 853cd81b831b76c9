"""What coming in costs with nothing left out: the real bff, and for each device a token and a proof of its own.

Beside each wave, on the same core, the one signature check that none of it can do without: their ratio holds where other
work takes a part of the core, or the machine is slow.
"""

import asyncio
import time

import httpx
import psutil
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.report import Report
from bench.sse import cores
from bench.sse.load import Generator
from bench.sse.servers import OPTIONS, Place
from chassis.db import Database
from chassis.ids import uuid7
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import STREAM, Bff

BARE_SECONDS = 0.3


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


def bare_es256(seconds: float) -> tuple[float, float]:
    """On the core of the server, which has nothing to do meanwhile: (verifications a second, processor time of one)."""
    key, data, algorithm = ec.generate_private_key(ec.SECP256R1()), bytes(500), ec.ECDSA(hashes.SHA256())
    signature, public, count = key.sign(data, algorithm), key.public_key(), 0
    with cores.on(cores.SERVER):
        used, began = time.thread_time(), time.perf_counter()
        while time.perf_counter() < began + seconds:
            public.verify(signature, data, algorithm)
            count += 1
        return count / (time.perf_counter() - began), (time.thread_time() - used) / count


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
                before = bare_es256(BARE_SECONDS)
                ports, used, resident = [bff.stream_port], cpu_of(bff), bff.process.resident_bytes
                load = await Generator.attach(where.folder, heads, b"@" * 20, ports, ports)
                used, resident = cpu_of(bff) - used, bff.process.resident_bytes - resident
                label = f"this bff, real door and proofs, {figure}"
                bare = [sum(both) / 2 for both in zip(before, bare_es256(BARE_SECONDS), strict=True)]
                report.add(f"{label}: attaches/s", load.attached.rate)
                report.add(f"{label}: bare ES256 verifications/s", bare[0])
                report.add(f"{label}: CPU us of bare ES256", bare[1] * 1e6)
                report.add(f"{label}: CPU us for each", used / count * 1e6)
                report.add(f"{label}: KB for each", resident / count / 1024)
                await load.end()
                await asyncio.sleep(0.5)
        known = "this bff, real door and proofs, again"
        report.ratio("attaches_vs_bare_es256", f"{known}: attaches/s", f"{known}: bare ES256 verifications/s")
        report.ratio(
            "attach_cpu_vs_bare_es256", f"{known}: CPU us for each", f"{known}: CPU us of bare ES256"
        )
    finally:
        bff.process.end()
