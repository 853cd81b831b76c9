"""A proof has its effect once, on however many processes it is sent, also where one of them dies over it."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from chassis.db import Database
from chassis.dpop import Proof
from services.bff import mutations
from services.bff.errors import ProofRefused
from services.bff.mutations import Mutations
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.guests import guest_of
from tests.integration.bff.stage import CHECKOUT, Bff, Stage
from tests.integration.bff.test_sessions import BEAT
from tests.integration.bff.twin_requests import SESSION, asked, is_replay, learn

Twins = tuple[Bff, Bff]
ROUNDS = 15


async def opened(http: httpx.AsyncClient, desk: Desk, bff: Bff) -> str:
    answer = await asked(desk, "POST", "/sessions", SESSION).to(http, bff)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["session_id"])


@pytest.mark.parametrize("what", ["open", "beat", "close", "handshake", "push", "pull"])
async def test_what_one_process_did_no_other_does_again(
    twins: Twins, http: httpx.AsyncClient, new_desk: NewDesk, what: str
) -> None:
    left, right = twins
    desk = await new_desk()
    await learn(http, desk, right)
    session = await opened(http, desk, left)
    request = {
        "open": asked(desk, "POST", "/sessions", SESSION),
        "beat": asked(desk, "POST", f"/sessions/{session}/heartbeat", BEAT),
        "close": asked(desk, "DELETE", f"/sessions/{session}"),
    }.get(what) or asked(desk, "POST", f"/sync/{what}", {})
    first = await request.to(http, left)
    assert first.status_code in {201, 200, 204, 503}, first.text  # 503: there is no sync here
    assert is_replay(await request.to(http, right)), "another process"
    assert is_replay(await request.to(http, left)), "and the same one"


async def test_sent_to_both_at_once_it_has_its_effect_once(
    twins: Twins, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    await learn(http, desk, twins[1])
    for _ in range(ROUNDS):
        request = asked(desk, "POST", "/sessions", SESSION)
        answers = await asyncio.gather(*(request.to(http, bff) for bff in twins))
        assert sorted(answer.status_code for answer in answers) == [201, 401]
        assert [is_replay(answer) for answer in answers].count(True) == 1


async def test_a_read_is_taken_once_by_each_process(
    twins: Twins, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    """What the design accepts: reads are remembered by the process that answered them."""
    desk = await new_desk()
    await learn(http, desk, twins[1])
    request = asked(desk, "GET", "/bootstrap")
    for bff in twins:
        assert (await request.to(http, bff)).status_code == 200
        assert is_replay(await request.to(http, bff))


async def is_waiting(database: Database) -> bool:
    async with database.platform_reading() as tx:
        asked = "select count(*) from pg_locks where locktype = 'transactionid' and not granted"
        return bool(await tx.fetchval(asked))


@contextlib.asynccontextmanager
async def under_way(database: Database, desk: Desk, jti: str, *, is_kept: bool) -> AsyncIterator[None]:
    """A mutation of this process by this proof; it takes place at the end of the block, or it fails."""
    guest = guest_of(desk.tenant_id, Proof(desk.jkt, jti, 0))
    with contextlib.suppress(LookupError):
        async with Mutations(database).by(guest):
            yield
            if not is_kept:
                raise LookupError


@pytest.mark.parametrize("is_kept", [True, False])
async def test_who_comes_while_the_first_is_under_way_waits_for_its_end(
    twins: Twins, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database, is_kept: bool
) -> None:
    desk = await new_desk()
    await learn(http, desk, twins[1])
    jti = uuid.uuid4().hex
    request = asked(desk, "POST", "/sessions", SESSION, jti=jti)
    async with under_way(bff_data, desk, jti, is_kept=is_kept):
        waiting = asyncio.create_task(request.to(http, twins[0]))
        await eventually(lambda: is_waiting(bff_data), what="somebody who waits")
    answer = await waiting
    assert is_replay(answer) if is_kept else answer.status_code == 201


async def test_who_died_before_the_commit_used_up_nothing(
    twins: Twins, http: httpx.AsyncClient, new_desk: NewDesk, stage: Stage
) -> None:
    desk = await new_desk()
    await learn(http, desk, twins[1])
    jti = uuid.uuid4().hex
    request = asked(desk, "POST", "/sessions", SESSION, jti=jti)
    told = (stage.dsns.database_url, stage.dsns.worker_database_url, str(desk.tenant_id), desk.jkt, jti)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.bff.dying_mutation", *told, cwd=CHECKOUT
    )
    assert await process.wait() == -9
    assert (await request.to(http, twins[0])).status_code == 201
    assert is_replay(await request.to(http, twins[1]))


async def test_what_failed_used_up_nothing_and_changed_nothing(
    twins: Twins, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    await learn(http, desk, twins[1])
    request = asked(desk, "DELETE", f"/sessions/{uuid.uuid4()}")
    for bff in twins:
        assert (await request.to(http, bff)).status_code == 404


async def test_old_proofs_are_forgotten_in_bounded_steps_and_young_ones_are_not(
    bff_data: Database, new_desk: NewDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutations, "MOST_AT_ONCE", 3)
    desk, found = await new_desk(), Mutations(bff_data)
    proofs = [Proof(desk.jkt, f"{desk.device_id}-{number}", 0) for number in range(7)]
    for proof in proofs:
        async with found.by(guest_of(desk.tenant_id, proof)):
            pass
    async with bff_data.worker() as tx:
        aged = (
            "update used_proof set used_at = used_at - $1::interval where jkt = $2 and jti_hash <> sha256($3)"
        )
        await tx.execute(aged, mutations.KEPT, desk.jkt, proofs[0].jti.encode())
    counts = [await found.forget() for _ in range(4)]
    assert (max(counts), counts[-1]) == (3, 0)
    async with found.by(guest_of(desk.tenant_id, proofs[1])):
        pass
    with pytest.raises(ProofRefused):
        async with found.by(guest_of(desk.tenant_id, proofs[0])):
            raise AssertionError("it was let in twice")


async def test_the_same_id_of_another_key_or_another_tenant_is_another_proof(
    bff_data: Database, new_desk: NewDesk
) -> None:
    one, other = await new_desk(), await new_desk()
    jti = uuid.uuid4().hex
    for desk in (one, other):
        async with Mutations(bff_data).by(guest_of(desk.tenant_id, Proof(desk.jkt, jti, 0))):
            pass
    async with Mutations(bff_data).by(guest_of(other.tenant_id, Proof(one.jkt, jti, 0))):
        pass
