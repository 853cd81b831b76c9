"""The one way in which the bff's API changes anything: a transaction that uses up the request's proof.

Each process remembers the proofs that it took, but not those of the others. So a mutation writes its proof into the
database in the transaction of its effect: the same proof on another process finds it there, or waits for that
transaction, and is refused if it took place.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

from chassis.db import Database, Tx
from chassis.dpop import challenge
from chassis.rounds import go_round
from services.bff.door import Guest
from services.bff.errors import ProofRefused
from services.bff.projector import queries

KEPT = timedelta(seconds=300)
"""Longer than any process takes a proof (`chassis.proof_memory`), by more than their clocks may differ."""
MOST_AT_ONCE = 10_000
EVERY_SECONDS = 30.0


class Mutations:
    """Transactions of guests. A part of the runtime, which forgets proofs that nobody takes any more."""

    name = "used-proofs"

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.asynccontextmanager
    async def by(self, guest: Guest) -> AsyncIterator[Tx]:
        """One transaction under the row-level security of the guest's tenant, at most one per request.

        Raises ProofRefused when another one has used the proof. It waits for one that is under way with it.
        """
        async with self._database.transaction(guest.tenant_id) as tx:
            jti_hash = hashlib.sha256(guest.proof.jti.encode()).digest()
            is_first = await queries.use_proof(
                tx, tenant_id=guest.tenant_id, jkt=guest.proof.jkt, jti_hash=jti_hash
            )
            if is_first is None:
                raise ProofRefused(
                    "the proof was used before", headers=challenge("invalid_dpop_proof"), reason="replay"
                )
            yield tx

    async def run(self) -> None:
        """Until cancelled; several processes at once do no harm."""
        await go_round(self.name, self.forget, EVERY_SECONDS)

    async def forget(self) -> int:
        """A bounded number of proofs whose time is over; how many there were."""
        async with self._database.worker() as tx:
            return int(await queries.forget_proofs(tx, kept=KEPT, most=MOST_AT_ONCE))
