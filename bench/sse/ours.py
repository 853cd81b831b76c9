"""The bff as it is, but for its door, which takes a caller's word: `Authorization: Bench <number>` is that device.

The only file of this benchmark that imports the bff. Its settings come from the environment, as the bff's do.
"""

import time
from uuid import UUID

from chassis.dpop import Proof
from chassis.runtime import main
from contracts.claims import Claims
from services.bff import app
from services.bff.directory import Scope
from services.bff.door import Door, Guest, Knock
from services.bff.settings import Settings

TENANT = UUID("019a0000-0000-7000-8000-000000000001")
GUESTS = UUID("019a0000-0000-7000-8000-000000000002")
"""Another tenant, to whom nothing is said: its desks cost what coming in costs and nothing besides."""
FIRST_GUEST = 10_000_000
"""From this number on devices are theirs."""
SCHEME = "Bench"


class OpenDoor(Door):
    """Knows everybody: no token, no proof, no look at the database."""

    async def admit(self, knock: Knock) -> Guest:
        number = int(knock.authorization.removeprefix(f"{SCHEME} "))
        member, tenant_id = f"member-{number}", GUESTS if number >= FIRST_GUEST else TENANT
        claims = Claims(
            member, "", frozenset({"bff"}), int(time.time()) + 3600, tenant_id=tenant_id, cnf_jkt="none"
        )
        scope = Scope(frozenset({"harbour"}), frozenset({"front_desk"}))
        proof = Proof("none", str(number), int(time.time()))
        return Guest(claims, tenant_id, UUID(int=number), member, scope, proof)


if __name__ == "__main__":
    app.Door = OpenDoor  # type: ignore[attr-defined]  # the one part that is not the real one
    main(app.SERVICE, Settings, app.compose)
