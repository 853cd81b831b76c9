"""HTTP in, for the ERP."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from chassis.clock import Clock
from chassis.context import set_actor
from chassis.db import Database
from services.registry.errors import OrderNotSubmitted
from services.registry.orders import operations as orders
from services.registry.orders.erp import Erp
from services.registry.tenants.model import Ladder


def router(database: Database, erp: Erp, clock: Clock, ladder: Ladder, secret: str) -> APIRouter:
    """The ERP's webhook: a hint, checked by signature, then read back."""
    routes = APIRouter(tags=["webhooks"])

    @routes.post("/webhooks/erpnext")
    async def sales_order(request: Request) -> dict[str, Any]:
        """A hint that an order was submitted, signed in `X-Frappe-Webhook-Signature` (base64 of HMAC-SHA256 over the body).

        The order is read back from the ERP and activates its customer's tenant, once; what is unclear becomes a task.
        """
        body = await request.body()
        orders.check_signature(body, request.headers.get(orders.SIGNATURE_HEADER), secret)
        set_actor("erpnext", "service")
        try:
            hint = orders.OrderHint.model_validate_json(body)
        except ValidationError as error:
            raise RequestValidationError(
                [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
            ) from error
        async with database.worker() as tx:
            if await orders.is_seen(tx, hint):
                return {"outcome": "duplicate"}
        order = await erp.sales_order(hint.name)
        if order is None or order.docstatus != 1:
            raise OrderNotSubmitted(f"the ERP has no submitted sales order {hint.name}")
        async with database.worker() as tx:
            tenant_id = await orders.find_tenant(tx, order.customer)
            if tenant_id is None:
                detail = f"customer {order.customer} has no tenant"
                return await orders.leave_task(
                    tx, hint, "sales_order_without_tenant", detail, None, clock.now()
                )
        async with database.transaction(tenant_id) as tx:
            return await orders.apply(tx, hint, order, tenant_id, ladder, clock.now())

    return routes
