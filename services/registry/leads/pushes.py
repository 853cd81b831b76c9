"""Tells the CRM of leads."""

from collections.abc import Mapping
from typing import Any

from chassis.clock import Clock
from chassis.db import Database, Tx
from services.registry.leads import operations
from services.registry.leads.crm import Crm, Doctype
from services.registry.leads.store import queries
from services.registry.pushing import Pusher

CRM = "crm"


class CrmPusher(Pusher):
    """A lead that the CRM has heard of, from several processes or after a crash, is one document there."""

    name = "crm-push"
    queries = queries
    key = ("lead_id",)

    def __init__(self, database: Database, crm: Crm, clock: Clock, *, every: float) -> None:
        super().__init__(database, clock, every=every)
        self._crm = crm

    async def push(self, row: Mapping[str, Any]) -> None:
        doctype, fields = document_of(row)
        await self._crm.record(doctype, row["lead_id"], row["row_version"], fields)

    async def heard(self, tx: Tx, row: Mapping[str, Any]) -> bool:
        is_last = await super().heard(tx, row)
        if is_last:
            await operations.note(tx, row, "recorded", CRM, self._clock.now())
        return is_last


def document_of(lead: Mapping[str, Any]) -> tuple[Doctype, dict[str, Any]]:
    """An upgrade is a task for whoever looks after the tenant, everything else a lead."""
    fields = {
        "title": f"{lead['kind']}: {lead['company'] or lead['tenant_id']}",
        "status": {None: "Open", "won": "Converted"}.get(lead["outcome"], "Do Not Contact"),
        "company_name": lead["company"],
        "tenant_id": str(lead["tenant_id"]),
        "email_id": lead["email"],
        "product": lead["product_key"],
        "plan": lead["plan"],
        "why": lead["why"],
        "seats": lead["seats"],
        "volume": lead["volume"],
        "requested_by": lead["requested_by"],
        "lead_owner": lead["owner"],
        "opened_at": lead["opened_at"],
        "outcome": lead["outcome"],
    }
    if lead["kind"] != "upgrade_request":
        return "Lead", fields
    return "Task", {**fields, "status": "Open" if lead["outcome"] is None else "Completed"}
