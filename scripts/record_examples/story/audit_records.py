"""Records that a customer's product posts, what is found of them, and a person who is erased."""

from typing import Any

from contracts.roles import OrgRole
from scripts.record_examples.cast import Cast, Nobody

AUDIT = "/v1/tenants/{tenant_id}/audit"
PROJECT = "/publisher/v1/project/{project_id}"
EVENT: dict[str, Any] = {
    "action": "booking.updated",
    "crud": "u",
    "actor": {"id": "u-17", "name": "Ann Example", "fields": {"email": "ann@seaview.example"}},
    "target": {"id": "b-9", "name": "Stay of Ben Example", "type": "booking"},
    "source_ip": "203.0.113.77",
    "description": "Room changed to 214",
    "fields": {"room": "214"},
}
QUERY = """query Search($query: String!, $last: Int, $before: String) {
  search(query: $query, last: $last, before: $before) {
    totalCount
    pageInfo { hasPreviousPage }
    edges { cursor node { id action crud actor { id name } description } }
  }
}"""


async def tell(cast: Cast) -> None:
    ask, legal = cast.recorder.ask, cast.of_tenant(OrgRole.LEGAL)
    wish = {"name": "Front office", "project_id": "default", "product": "notetaker", "may_read": True}
    made = await ask(legal, "audit", f"POST {AUDIT}/publisher-tokens", wish)
    cast.hide(made["token"], "tap_made-up")
    token_id = made["token_id"]
    await ask(legal, "audit", f"GET {AUDIT}/publisher-tokens")
    publisher = Nobody(cast.world.http, lambda _: {"Authorization": f"token={made['token']}"})
    group = {"id": cast.recorder.ids["tenant_id"], "name": "Seaview"}
    await ask(publisher, "audit", f"POST {PROJECT}/event", {**EVENT, "group": group}, project_id="default")
    more = {"events": [EVENT, {"action": "door.opened", "crud": "u", "is_anonymous": True}]}
    await ask(publisher, "audit", f"POST {PROJECT}/event/bulk", more, project_id="default")
    body = {"query": QUERY, "variables": {"query": 'action:"booking.*"', "last": 1, "before": ""}}
    await ask(publisher, "audit", f"POST {PROJECT}/graphql", body, project_id="default")
    asked = {"group_id": cast.recorder.ids["tenant_id"], "actor_id": "u-17", "is_admin": "false"}
    await ask(publisher, "audit", f"GET {PROJECT}/viewertoken", query=asked, project_id="default")
    wanted = {"action": "booking.*", "email": "ann@seaview.example", "page_size": 1}
    await ask(legal, "audit", f"POST {AUDIT}/search", wanted)
    why = {**wanted, "reason": "Ticket 4711: who changed the room?"}
    await ask(cast.operator, "audit", f"POST {AUDIT}/search", why, title="by our own staff")
    erasure = {"legal_basis": "request"}
    await ask(legal, "audit", f"POST {AUDIT}/subjects/{{subject}}/erasure", erasure, subject="u-17")
    await ask(legal, "audit", f"GET {AUDIT}/search-store")
    await ask(legal, "audit", f"POST {AUDIT}/search-store/rebuild")
    one = f"{AUDIT}/publisher-tokens/{{token_id}}"
    await ask(legal, "audit", f"DELETE {one}", match=one, token_id=token_id)
    await ask(legal, "audit", f"GET {one}", token_id=token_id)
