"""HTTP in, for customers: work is handed in with an API key, kept, and counted once."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from chassis.clock import Clock
from products.keys import ApiKeys
from products.kinds import Kind
from products.state import State


class WorkIn(BaseModel):
    """`work_id` is the customer's: the same one counts once."""

    model_config = ConfigDict(extra="forbid")

    work_id: UUID
    text: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
    quantity: Annotated[int, Field(ge=1, le=1000)] = 1


class WorkOut(BaseModel):
    """`is_new` is false for work that was handed in before."""

    work_id: UUID
    is_new: bool


def router(kind: Kind, state: State, keys: ApiKeys, clock: Clock) -> APIRouter:
    routes = APIRouter(tags=["work"])

    @routes.post("/v1/work", status_code=201)
    async def work(body: WorkIn, request: Request) -> WorkOut:
        """With `Authorization: Bearer tk_live_…` of this product and the scope `write`."""
        owner = await keys.owner(request.headers.get("authorization", ""), "write")
        records = {kind.collection: {"text": body.text}}
        if kind.queue is not None:
            records[kind.queue] = {"state": "waiting"}
        used = {
            "project": owner.project_id,
            "metric": kind.metric,
            "quantity": body.quantity,
            "at": clock.now(),
        }
        is_new = state.add_work(owner.tenant_id, body.work_id, records, used)
        return WorkOut(work_id=body.work_id, is_new=is_new)

    return routes
