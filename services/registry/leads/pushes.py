"""Tells the CRM of leads, after the commit and until it has heard."""

import asyncio
from datetime import timedelta
from typing import Any

import structlog

from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.errors import Transient
from services.registry.leads import operations
from services.registry.leads.crm import Crm
from services.registry.leads.store import queries

log = structlog.get_logger(__name__)
BATCH = 100
LONGEST_WAIT = timedelta(minutes=5)
CRM = "crm"


class CrmPusher:
    """A background part; the same push made twice, by two processes or after a crash, makes one document."""

    name = "crm-push"

    def __init__(self, database: Database, crm: Crm, clock: Clock, *, every: float) -> None:
        self._database = database
        self._crm = crm
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        while True:
            try:
                await self.push_due()
            except Transient as error:
                log.warning("crm_push.waiting", error=str(error))
            await asyncio.sleep(self._every)

    async def push_due(self) -> int:
        """One batch; how many leads the CRM took."""
        async with self._database.platform_reading() as tx:
            due = await rows(queries.due_pushes(tx, now=self._clock.now(), most=BATCH))
        return sum([await self._push(lead) for lead in due])

    async def _push(self, lead: dict[str, Any]) -> bool:
        try:
            doctype, fields = document_of(lead)
            await self._crm.record(doctype, lead["lead_id"], lead["row_version"], fields)
        except Transient as error:
            due_at = self._clock.now() + min(timedelta(seconds=2 ** min(lead["attempts"], 10)), LONGEST_WAIT)
            async with self._database.worker() as tx:
                await queries.push_failed(tx, lead_id=lead["lead_id"], due_at=due_at, error=str(error)[:500])
            return False
        async with self._database.worker() as tx:
            if await queries.pushed(tx, lead_id=lead["lead_id"], due_at=lead["due_at"]) is not None:
                await operations.note(tx, lead, "recorded", CRM, self._clock.now())
        return True


def document_of(lead: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
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
