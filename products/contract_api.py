"""HTTP in, for the registry: the product contract."""

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Query

from chassis.auth import Authenticate, require_service
from chassis.clock import Clock
from contracts.capabilities import DEMO_TENANT_ID
from contracts.claims import Claims
from contracts.products import (
    PROBE_TENANT_ID,
    ActionAsked,
    ActionDone,
    ErasureStatement,
    Export,
    ProductHealth,
    ResetDone,
    TenantUsage,
    UsageTotals,
    checksum_of,
)
from products.behaviour import Behaviour
from products.errors import ActionUnknown
from products.kinds import Kind
from products.state import State

PLACES = {"demo": DEMO_TENANT_ID, "probe": PROBE_TENANT_ID}
"""The tenants that are no customer's, by the name that a reset is asked for."""
ActionKey = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class Contract:
    """What the contract's endpoints do with the state."""

    def __init__(self, kind: Kind, state: State, behaviour: Behaviour, clock: Clock) -> None:
        self._kind = kind
        self._state = state
        self._behaviour = behaviour
        self._clock = clock

    def export(self, tenant_id: UUID) -> Export:
        held = self._state.collections(tenant_id)
        return Export(
            product=self._kind.key, tenant_id=tenant_id, collections=held, checksum=checksum_of(held)
        )

    def erase(self, tenant_id: UUID) -> ErasureStatement:
        """Real, and told as it was, unless the product was told to lie."""
        counts = self.export(tenant_id).counts
        kept = {one.collection for one in self._kind.retained}
        if self._behaviour.how == "lie":
            return self._statement(tenant_id, counts)
        said = self._state.statement(tenant_id)
        if not self._state.erase(tenant_id, sorted(kept)) and said is not None:
            return ErasureStatement.model_validate(said)
        if self._behaviour.how == "miscount":
            counts = {name: count + 1 for name, count in counts.items()}
        made = self._statement(tenant_id, counts)
        self._state.keep_statement(tenant_id, made.model_dump_json())
        return made

    def _statement(self, tenant_id: UUID, counts: dict[str, int]) -> ErasureStatement:
        kept = [
            one.model_copy(update={"count": counts[one.collection]})
            for one in self._kind.retained
            if one.collection in counts
        ]
        names = {one.collection for one in kept}
        return ErasureStatement(
            statement_id=uuid4(),
            product=self._kind.key,
            tenant_id=tenant_id,
            erased={name: count for name, count in counts.items() if name not in names},
            retained=kept,
            erased_at=self._clock.now(),
        )

    def reset(self, tenant_id: UUID) -> ResetDone:
        """Tells what is there afterwards, not what should be."""
        self._state.reset(tenant_id, self._kind.fixtures, self._clock.now())
        held = self.export(tenant_id)
        return ResetDone(
            product=self._kind.key, tenant_id=tenant_id, counts=held.counts, checksum=held.checksum
        )

    def act(self, tenant_id: UUID, action: str, action_id: UUID) -> ActionDone:
        """Once per id; a repeat is told the same. Raises ActionUnknown."""
        if action not in self._kind.actions:
            raise ActionUnknown(f"known are: {', '.join(sorted(self._kind.actions))}")

        def do(state: State, of: UUID) -> str:
            detail, counts = self._kind.actions[action](state, of)
            return ActionDone(
                action_id=action_id, action=action, detail=detail, counts=counts
            ).model_dump_json()

        return ActionDone.model_validate_json(self._state.act(tenant_id, action_id, do))

    def usage(self, tenant_id: UUID | None, after: UUID | None, most: int) -> UsageTotals:
        found = [
            TenantUsage(tenant_id=UUID(id_), metrics=metrics)
            for id_, metrics in self._state.totals(tenant_id, after, most)
        ]
        return UsageTotals(product=self._kind.key, tenants=found)


def router(kind: Kind, contract: Contract, authenticate: Authenticate) -> APIRouter:
    """For the registry alone, but for the health."""
    routes = APIRouter(tags=["contract"])
    registry: Any = require_service(authenticate, "registry")

    @routes.get("/health")
    async def health() -> ProductHealth:
        return ProductHealth(status="ok", product=kind.key)

    @routes.get("/v1/usage")
    async def usage(
        caller: Annotated[Claims, registry],
        tenant_id: UUID | None = None,
        after: UUID | None = None,
        most: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> UsageTotals:
        """Totals by tenant, in the order of their ids."""
        return contract.usage(tenant_id, after, most)

    @routes.post("/v1/tenants/{tenant_id}/export")
    async def export(tenant_id: UUID, caller: Annotated[Claims, registry]) -> Export:
        return contract.export(tenant_id)

    @routes.delete("/v1/tenants/{tenant_id}/data")
    async def erase(tenant_id: UUID, caller: Annotated[Claims, registry]) -> ErasureStatement:
        """Erases what may be erased; again with nothing new: the same statement."""
        return contract.erase(tenant_id)

    @routes.post("/v1/tenants/{place}/reset")
    async def reset(place: Literal["demo", "probe"], caller: Annotated[Claims, registry]) -> ResetDone:
        """Restores the seed fixtures where no customer is."""
        return contract.reset(PLACES[place])

    @routes.post("/v1/tenants/{tenant_id}/actions/{action}")
    async def act(
        tenant_id: UUID, action: ActionKey, body: ActionAsked, caller: Annotated[Claims, registry]
    ) -> ActionDone:
        return contract.act(tenant_id, action, body.action_id)

    return routes
