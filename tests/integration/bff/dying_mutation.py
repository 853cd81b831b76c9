"""A process that dies after it wrote a proof and before it commits: `python -m tests.integration.bff.dying_mutation`."""

import asyncio
import os
import sys
from uuid import UUID

from chassis.db import Database
from chassis.dpop import Proof
from services.bff.mutations import Mutations
from tests.integration.bff.guests import guest_of


async def main(app_dsn: str, worker_dsn: str, tenant_id: str, jkt: str, jti: str) -> None:
    mutations = Mutations(Database("bff", app_dsn, worker_dsn))
    async with mutations.by(guest_of(UUID(tenant_id), Proof(jkt, jti, 0))):
        os.kill(os.getpid(), 9)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
