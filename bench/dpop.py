"""What the whole door costs a desk that is known, beside the one signature check that none of it can do without.

`python -m bench.dpop [--quick] [--json FILE]`: one process on one core, real PostgreSQL and NATS. By turns in one run, over
proofs of the same desks: a bare ES256 verification (`cryptography`, with key, signature and bytes made ready before),
`verify_proof` alone, and `Door.admit` as REST and the stream call it: access token, proof with nonce, replay, tenant, kill
switch, device, member. Every proof is used once by each.
A lookup of the standing in the database is measured beside it: what a memory saves.
"""

import asyncio
import contextlib
import gc
import hashlib
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
import uvloop
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwt
from joserfc.jwk import ECKey

from bench.registry import ISSUER, OneKey, servers
from bench.report import Report, arguments
from chassis.auth import TokenVerifier
from chassis.bucket import Bucket
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.dpop import Nonces, ReplayMemory, b64url, verify_proof
from chassis.ids import uuid7
from chassis.proof_keys import b64url_bytes
from chassis.service_tokens import ServiceTokens
from chassis.switches import Switches
from chassis.watched import Watched
from contracts import settings as bucket
from services.bff.directory import Directory
from services.bff.door import Door, Knock
from services.registry.keeper import Keeper
from tests.infra import Databases, TestNats, eventually

URL = "https://bff.example/bff/backoffice/v1/bootstrap"
DESKS = 200
KNOWN = """
with tenant as (insert into directory_tenant (tenant_id, status, aggregate_version) values ($1, 'active', 1)),
device as (
    insert into directory_device (tenant_id, device_id, jkt, is_revoked, aggregate_version)
    values ($1, $2, $3, false, 1)
)
insert into directory_member (tenant_id, member_id, backoffice_roles, properties, aggregate_version)
values ($1, $4, array['front_desk'], array['harbour'], 1)
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """One member on one device."""

    key: ECKey
    tenant_id: UUID
    member_id: str
    token: str

    def knock(self, nonce: str) -> Knock:
        """A request with a new proof."""
        claims = {
            "jti": uuid.uuid4().hex, "htm": "GET", "htu": URL, "iat": int(time.time()), "nonce": nonce,
            "ath": b64url(hashlib.sha256(self.token.encode()).digest()),
        }  # fmt: skip
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.as_dict(private=False)}
        return Knock("GET", URL, f"DPoP {self.token}", [jwt.encode(header, claims, self.key)])


def new_desk(signing: ECKey) -> Desk:
    key, tenant_id, member_id = ECKey.generate_key("P-256"), uuid7(), str(uuid.uuid4())
    claims = {
        "iss": ISSUER, "sub": member_id, "aud": ["bff", "registry"], "exp": int(time.time()) + 86_400,
        "jti": uuid.uuid4().hex, "cnf": {"jkt": key.thumbprint()}, "acr": "mfa", "auth_time": int(time.time()),
        "organization": {"hotel": {"id": "1", "tenant_id": [str(tenant_id)], "plan": ["starter"]}},
    }  # fmt: skip
    token = jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "1"}, claims, signing)
    return Desk(key, tenant_id, member_id, token)


@dataclass(frozen=True, slots=True)
class Bare:
    """All that is left of a proof when only its signature counts."""

    key: ec.EllipticCurvePublicKey
    signature: bytes
    data: bytes

    @classmethod
    def of(cls, desk: Desk, knock: Knock) -> "Bare":
        data, _, signature = knock.proofs[0].rpartition(".")
        raw = b64url_bytes(signature)
        der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        return cls(desk.key.public_key, der, data.encode())


@contextlib.asynccontextmanager
async def opened(
    databases: Databases, nats: TestNats, signing: ECKey
) -> AsyncIterator[tuple[Door, Directory, Database]]:
    """The door as `services/bff/app.py` composes it, hearing settings and feed; no issuer but its key."""
    registry = await databases.open("registry")
    async with registry.worker() as tx:
        await Keeper(registry, await nats.bus("registry")).keep(tx)
    database, bus, clock = await databases.open("bff"), await nats.bus("bff"), SystemClock()
    watched = Watched(Bucket(bus, bucket.STREAM, bucket.PREFIX), database, clock)
    switches = Switches(watched)
    tokens = ServiceTokens(ISSUER, "bff", json.dumps(signing.as_dict(private=True)))
    directory = Directory(database, bus, ISSUER, tokens, seconds=3600)
    keys = OneKey({name: str(value) for name, value in signing.as_dict(private=False).items()})
    door = Door(TokenVerifier(ISSUER, "bff", clock, keys), directory, switches, b"secret", fresh_seconds=300)
    running = [asyncio.create_task(part.run()) for part in (watched, directory.news)]
    await eventually(switches.are_told)
    await eventually(lambda: directory.news.is_live)
    yield door, directory, database
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await directory.close()


async def timed(count: int, work: Callable[[], Awaitable[None]]) -> float:
    """Microseconds of processor time for one of `count`."""
    gc.collect()
    before = time.process_time()
    await work()
    return (time.process_time() - before) / count * 1e6


async def one_round(report: Report, door: Door, directory: Directory, desks: list[Desk], count: int) -> None:
    """Fresh proofs, checked in each way by turns."""
    knocks = [(desk := desks[number % len(desks)], desk.knock(door.nonce())) for number in range(count)]
    bare = [Bare.of(desk, knock) for desk, knock in knocks]
    nonces, replay = Nonces(b"other"), ReplayMemory()
    alone = [(desk, desk.knock(nonces.current(time.time()))) for desk, _ in knocks]
    jkts = {desk.member_id: desk.key.thumbprint() for desk in desks}
    es256 = ec.ECDSA(hashes.SHA256())

    async def signatures() -> None:
        for one in bare:
            one.key.verify(one.signature, one.data, es256)

    async def proofs() -> None:
        for desk, knock in alone:
            verify_proof(
                knock.proofs, method="GET", url=URL, access_token=desk.token, expected_jkt=jkts[desk.member_id],
                nonces=nonces, replay=replay, demand_nonce=True,
            )  # fmt: skip

    async def door_checks() -> None:
        for number, (_, knock) in enumerate(knocks):
            await door.admit(knock)
            if number % 50 == 0:
                await asyncio.sleep(0)  # as a server does: who hears nothing must not answer from memory

    for name, work in (("bare ES256", signatures), ("proof alone", proofs), ("door", door_checks)):
        cost = await timed(count, work)
        report.add(f"{name}, us", cost)
        report.add(f"{name}, per second", 1e6 / cost)
    some = knocks[: count // 20]
    before = time.perf_counter()
    for desk, _ in some:
        await directory.standing(desk.tenant_id, jkts[desk.member_id], desk.member_id)
    report.add("standing from the database, us elapsed", (time.perf_counter() - before) / len(some) * 1e6)


async def main() -> None:
    report = Report("dpop", arguments(__doc__))
    rounds, count = (5, 4_000) if report.chosen.quick else (15, 10_000)
    async with servers() as (databases, nats):
        signing = ECKey.generate_key("P-256")
        desks = [new_desk(signing) for _ in range(DESKS)]
        async with opened(databases, nats, signing) as (door, directory, database):
            async with database.worker() as tx:
                for desk in desks:
                    await tx.execute(KNOWN, desk.tenant_id, uuid7(), desk.key.thumbprint(), desk.member_id)
            for desk in desks:  # warm: tokens, keys and standing are in memory
                await door.admit(desk.knock(door.nonce()))
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            for _ in range(rounds):
                await one_round(report, door, directory, desks, count)
    report.ratio("door_vs_bare_es256", "door, per second", "bare ES256, per second")
    report.finish()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    uvloop.run(main())
