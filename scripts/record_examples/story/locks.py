"""The desk locks a door; somebody halts all lock actions, and two operators resume the tenant."""

from typing import Any

from contracts.roles import RealmRole
from scripts.record_examples.cast import Bearer, Cast, Desk
from tenantry.demo.world import PROPERTY

BASE = "/bff/backoffice/v1"
RESUMPTION = "POST /v1/tenants/{tenant_id}/audit/lock-actions/resumption"


async def tell(cast: Cast) -> None:
    ask, ids, desk = cast.recorder.ask, cast.recorder.ids, Desk(cast.desktop)
    body = {"action": "lock", "property": PROPERTY}
    begun = await ask(desk, "bff", f"POST {BASE}/locks/{{lock_id}}/actions", body, lock_id="room-214")
    ids["action_id"] = begun["action_id"]

    def has_ended(found: dict[str, Any]) -> bool:
        return bool(found["ended_at"])

    await ask(desk, "bff", f"GET {BASE}/lock-actions/{{action_id}}", until=has_ended)


async def tell_halt(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    claims = {"sub": "second-operator", "realm_access": {"roles": [RealmRole.SRE.value]}}
    second = Bearer(cast.world.http, cast.signer, claims)
    await ask(operator, "audit", "GET /v1/audit/gaps", query={"state": "all"})
    await ask(operator, "audit", "POST /v1/audit/lock-actions/halts", {"reason": "A laptop was stolen"})
    incident = {"incident": "INC-2027-14"}
    await ask(operator, "audit", RESUMPTION, incident, title="asked")
    await ask(second, "audit", RESUMPTION, incident, title="resumed")
    await ask(operator, "audit", "GET /v1/audit/lock-actions/halts")
