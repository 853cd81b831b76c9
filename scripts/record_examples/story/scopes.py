"""Where the member works and as what: one by one, by an import, and verified."""

from contracts.roles import RealmRole
from scripts.record_examples.cast import Bearer, Cast
from scripts.record_examples.story.members import MEMBER

SCOPES = "/v1/tenants/{tenant_id}/member-scopes"
OF_MEMBER = f"{MEMBER}/scopes"
ONE = f"{OF_MEMBER}/{{code}}"


async def tell(cast: Cast) -> None:
    ask, operator, slug = cast.recorder.ask, cast.operator, cast.real("hotel-seaview")
    roles = {"backoffice_roles": ["front_desk", "housekeeping"]}
    await ask(operator, "registry", f"PUT {ONE}", roles, match=OF_MEMBER)
    claims = {"sub": "customer-success", "realm_access": {"roles": [RealmRole.CUSTOMER_SUCCESS.value]}}
    of_ours = Bearer(cast.world.http, cast.signer, claims)
    await ask(of_ours, "registry", f"POST {ONE}/verification", match=OF_MEMBER)
    await ask(operator, "registry", f"GET {OF_MEMBER}")
    await ask(operator, "registry", f"GET {SCOPES}", query={"verified": True, "page_size": 10})
    await ask(operator, "registry", f"DELETE {ONE}", match=OF_MEMBER)
    night_desk = {"member": f"night.desk@{slug}.example", "property": cast.recorder.ids["code"]}
    rows = {"rows": [{**night_desk, "backoffice_roles": ["front_desk"]}]}
    upload = f"POST {SCOPES}/import"
    await ask(operator, "registry", upload, rows, query={"dry_run": True}, title="tried out")
    await ask(operator, "registry", upload, rows, query={"dry_run": False}, title="done")
