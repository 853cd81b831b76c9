"""The rules of a tenant's life: states, triggers, and what happens by itself and when. Pure.

A `Story` is a tenant with its plan of automatic actions. The scheduler, requests and the simulation tell it with the
same functions, so that what the timeline shows is what will happen.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from services.registry.errors import IllegalTransition

RESERVED_SLUGS = frozenset(
    {"www", "api", "admin", "demo", "backstage", "static", "status", "support", "tenantry"}
)


class Trigger(StrEnum):
    """What can move a tenant."""

    SALES_ORDER = "sales_order"
    PAYMENT = "payment"
    REACTIVATION = "reactivation"
    TRIAL_EXPIRED = "trial_expired"
    CANCELLED = "cancelled"
    NON_PAYMENT = "non_payment"
    CONTRACT_END = "contract_end"
    GRACE_OVER = "grace_over"
    RETENTION_OVER = "retention_over"


TRANSITIONS: Mapping[str, Mapping[Trigger, str]] = {
    "trial": {Trigger.SALES_ORDER: "active", Trigger.PAYMENT: "active", Trigger.TRIAL_EXPIRED: "frozen"},
    "active": {
        Trigger.SALES_ORDER: "active",
        Trigger.PAYMENT: "active",
        Trigger.CANCELLED: "frozen",
        Trigger.NON_PAYMENT: "frozen",
        Trigger.CONTRACT_END: "frozen",
    },
    "frozen": {
        Trigger.SALES_ORDER: "active",
        Trigger.PAYMENT: "active",
        Trigger.REACTIVATION: "active",
        Trigger.GRACE_OVER: "archived",
    },
    "archived": {Trigger.RETENTION_OVER: "deleted"},
    "deleted": {},
}
"""Status → trigger → status: the only legal moves of a real tenant. A demo tenant never moves."""


class Action(StrEnum):
    """What happens by itself."""

    TRIAL_WARNING = "trial_warning"
    EXPIRE_TRIAL = "expire_trial"
    CANCEL = "cancel"
    END_CONTRACT = "end_contract"
    ARCHIVE = "archive"
    DELETE = "delete"
    EXPIRE_ENTITLEMENT = "expire_entitlement"


TRIGGER_OF = {
    Action.EXPIRE_TRIAL: Trigger.TRIAL_EXPIRED,
    Action.CANCEL: Trigger.CANCELLED,
    Action.END_CONTRACT: Trigger.CONTRACT_END,
    Action.ARCHIVE: Trigger.GRACE_OVER,
    Action.DELETE: Trigger.RETENTION_OVER,
}
DESTRUCTIVE = frozenset({Action.ARCHIVE, Action.DELETE})
USING = frozenset({"trial", "active", "frozen"})
"""Status in which a tenant may use something, so that there is something to end."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """How long each state lasts, in days; warnings count from the trial's first day."""

    trial: int = 14
    warnings: tuple[int, ...] = (7, 12)
    grace: int = 30
    retention: int = 30


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as it is stored."""

    tenant_id: UUID
    slug: str
    name: str
    kind: str
    status: str
    plan: str
    locale: str
    time_zone: str
    org_id: str
    erp_customer_id: str | None
    trial_ends_at: datetime | None
    contract_start: date | None
    contract_end: date | None
    frozen_reason: str | None
    frozen_at: datetime | None
    archived_at: datetime | None
    cancel_at: datetime | None
    cancel_reason: str | None
    held_until: datetime | None
    created_at: datetime
    ent_v: int
    row_version: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """What an order or a payment bought."""

    plan: str
    products: tuple[str, ...]
    contract_start: date | None
    contract_end: date | None


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """An action that will happen by itself; `cause` says why then. Only the end of a grant names a product."""

    due_at: datetime
    action: Action
    cause: str = field(compare=False)
    product: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a tenant; by itself where `due` is set, by `trigger` where it moved."""

    before: Tenant
    after: Tenant
    at: datetime
    due: Due | None
    trigger: Trigger | None
    evidence: str
    purchase: Purchase | None = None


def allowed_triggers(tenant: Tenant) -> dict[Trigger, str]:
    """What can move this tenant now, and where to. `frozen_reason` decides the way back."""
    if tenant.kind == "demo":
        return {}
    found = dict(TRANSITIONS[tenant.status])
    if tenant.status == "frozen" and tenant.frozen_reason != Trigger.CANCELLED:
        del found[Trigger.REACTIVATION]
    return found


def moved(tenant: Tenant, trigger: Trigger, at: datetime, purchase: Purchase | None = None) -> Tenant:
    """The tenant after one legal move. Raises IllegalTransition with the moves that are allowed."""
    allowed = allowed_triggers(tenant)
    if trigger not in allowed:
        raise IllegalTransition(
            f"a {tenant.kind} tenant that is {tenant.status}"
            + (f" ({tenant.frozen_reason})" if tenant.frozen_reason else "")
            + f" is not moved by {trigger}",
            allowed_transitions=sorted(allowed),
        )
    status = allowed[trigger]
    after = replace(tenant, status=status, row_version=tenant.row_version + 1, ent_v=tenant.ent_v + 1)
    if purchase is not None:
        after = replace(
            after,
            plan=purchase.plan,
            contract_start=purchase.contract_start,
            contract_end=purchase.contract_end,
        )
    if status == "frozen":
        return replace(after, frozen_reason=trigger.value, frozen_at=at, cancel_at=None)
    if status == "active":
        return replace(after, frozen_reason=None, frozen_at=None, cancel_at=None, cancel_reason=None)
    if status == "archived":
        return replace(after, archived_at=at)
    return after


def plan_of(tenant: Tenant, ladder: Ladder) -> list[Due]:
    """Everything that will happen by itself to this tenant next, soonest first."""
    if tenant.kind == "demo":
        return []
    found: list[Due] = []
    if tenant.status == "trial" and tenant.trial_ends_at is not None:
        for day in ladder.warnings:
            at = tenant.trial_ends_at - timedelta(days=ladder.trial - day)
            found.append(Due(at, Action.TRIAL_WARNING, f"day {day} of the trial"))
        found.append(Due(tenant.trial_ends_at, Action.EXPIRE_TRIAL, f"day {ladder.trial} without payment"))
    if tenant.status == "active" and tenant.cancel_at is not None:
        found.append(Due(tenant.cancel_at, Action.CANCEL, f"cancelled: {tenant.cancel_reason}"))
    elif tenant.status == "active" and tenant.contract_end is not None:
        over = datetime.combine(tenant.contract_end + timedelta(days=1), time(), UTC)
        found.append(Due(over, Action.END_CONTRACT, f"the contract ends on {tenant.contract_end}"))
    if tenant.status == "frozen" and tenant.frozen_at is not None:
        at = tenant.frozen_at + timedelta(days=ladder.grace)
        found.append(held(tenant, Due(at, Action.ARCHIVE, f"day {ladder.grace} of frozen")))
    if tenant.status == "archived" and tenant.archived_at is not None:
        at = tenant.archived_at + timedelta(days=ladder.retention)
        found.append(held(tenant, Due(at, Action.DELETE, f"day {ladder.retention} of archived")))
    return sorted(found)


def held(tenant: Tenant, due: Due) -> Due:
    """A hold postpones what destroys."""
    if tenant.held_until is None or tenant.held_until <= due.due_at:
        return due
    return Due(tenant.held_until, due.action, f"{due.cause}, held until {tenant.held_until:%Y-%m-%d}")


@dataclass(slots=True)
class Story:
    """A tenant, the actions still open, and what has happened since it was read."""

    tenant: Tenant
    open: list[Due]
    ladder: Ladder
    steps: list[Step] = field(default_factory=list)

    def catch_up(self, until: datetime) -> None:
        """Let everything happen that is due by then, in order, each at its own time however late it is done."""
        while self.open and self.open[0].due_at <= until:
            due = self.open[0]
            trigger = TRIGGER_OF.get(due.action)
            if trigger is None:
                self._happen(due)
            else:
                self._move(trigger, due.due_at, due.cause, due=due)

    def trigger(
        self, trigger: Trigger, at: datetime, evidence: str, purchase: Purchase | None = None
    ) -> None:
        """Move the tenant now. Raises IllegalTransition."""
        self._move(trigger, at, evidence, purchase=purchase)

    def end_grant(self, product: str, at: datetime | None) -> None:
        """Plan the end of this product's grant instead of what was planned before; none: it has no end."""
        kept = [due for due in self.open if due.product != product]
        if at is not None:
            kept.append(Due(at, Action.EXPIRE_ENTITLEMENT, f"the grant of {product} ends", product))
        self.open = sorted(kept)

    def change(self, at: datetime, evidence: str, **fields: object) -> None:
        """Change what the plan depends on, without a move."""
        before = self.tenant
        self.tenant = replace(before, row_version=before.row_version + 1, **fields)  # type: ignore[arg-type]
        self.steps.append(Step(before, self.tenant, at, None, None, evidence))
        self._plan_again(at)

    def _happen(self, due: Due) -> None:
        """Without a move: a warning changes nothing, the end of a grant what the tenant may use."""
        before = self.tenant
        if due.action is Action.EXPIRE_ENTITLEMENT:
            self.tenant = replace(before, row_version=before.row_version + 1, ent_v=before.ent_v + 1)
        del self.open[0]
        self.steps.append(Step(before, self.tenant, due.due_at, due, None, due.cause))

    def _move(
        self,
        trigger: Trigger,
        at: datetime,
        evidence: str,
        *,
        due: Due | None = None,
        purchase: Purchase | None = None,
    ) -> None:
        before = self.tenant
        self.tenant = moved(before, trigger, at, purchase)
        self.steps.append(Step(before, self.tenant, at, due, trigger, evidence, purchase))
        self._plan_again(at, () if purchase is None else purchase.products)

    def _plan_again(self, at: datetime, bought: Collection[str] = ()) -> None:
        """Warnings whose day has passed are not given again. Grants end as planned, unless the product was bought."""
        plan = plan_of(self.tenant, self.ladder)
        kept = [due for due in plan if due.action is not Action.TRIAL_WARNING or due.due_at > at]
        if self.tenant.status in USING:
            kept += [due for due in self.open if due.product and due.product not in bought]
        self.open = sorted(kept)


def path_of(story: Story, until: datetime) -> Story:
    """What will happen by then if nobody does anything; the story itself stays as it is."""
    told = Story(story.tenant, list(story.open), story.ladder)
    told.catch_up(until)
    return told
