"""What was opened is closed, and what was made is taken away."""

from contracts.roles import OrgRole
from scripts.record_examples.cast import Cast, Desk
from scripts.record_examples.story.desks import BASE
from scripts.record_examples.story.notices import WEBHOOKS
from scripts.record_examples.story.tenants import TENANT


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    await ask(Desk(cast.desktop), "bff", f"DELETE {BASE}/sessions/{{session_id}}")
    await ask(cast.of_tenant(OrgRole.IT_ADMIN), "registry", "DELETE /v1/devices/{device_id}")
    await ask(operator, "notifier", f"DELETE {WEBHOOKS}/{{endpoint_id}}")
    retire = "DELETE /v1/products/{key}"
    await ask(operator, "registry", retire)
    await ask(operator, "registry", retire, is_kept=False, key=cast.real("mini_bar"))
    freeze = {"reason": "non_payment", "evidence": "INVOICE-2027-0007"}
    await ask(operator, "registry", f"POST {TENANT}/freeze", freeze, match=TENANT)
