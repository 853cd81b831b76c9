"""The ERP submits a sales order: a signed webhook, which is read back."""

import base64
import hashlib
import hmac
import json

from scripts.record_examples.cast import Cast, Nobody

WEBHOOK = "POST /webhooks/erpnext"


async def tell(cast: Cast) -> None:
    stack, name = cast.world.stack, cast.name("SO-2027-0042")
    customer = cast.real("CUST-0042")
    order = {
        "name": name,
        "customer": customer,
        "docstatus": 1,
        "modified": cast.instant(0),
        "items": [{"item_code": "PLAN-PROFESSIONAL", "qty": 1}, {"item_code": "PROD-AI-CONSOLE", "qty": 25}],
        "contract_start": cast.day(0),
        "contract_end": cast.day(365),
    }
    folder = stack.folder.path / "erp" / "Sales Order"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(order))

    def sign(body: bytes) -> dict[str, str]:
        digest = hmac.digest(stack.secrets.erp_webhook.encode(), body, hashlib.sha256)
        return {"X-Frappe-Webhook-Signature": base64.b64encode(digest).decode()}

    erp = Nobody(cast.world.http, sign)
    same = {"name": name, "modified": order["modified"], "customer": customer}
    hint = {"doctype": "Sales Order", "event": "on_submit", **same}
    await cast.recorder.ask(erp, "registry", WEBHOOK, hint, title="first")
    await cast.recorder.ask(erp, "registry", WEBHOOK, hint, title="again")
