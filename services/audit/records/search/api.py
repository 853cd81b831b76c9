"""HTTP in: search in a tenant's log."""

from datetime import datetime
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chassis.auth import Authenticate
from chassis.fields import Flag, Instant, Whole
from chassis.guards import needs
from chassis.pages import PageTokens
from contracts.capabilities import Capability, capabilities_of
from contracts.claims import Claims
from services.audit.records.search.filters import Filter, Row
from services.audit.records.search.reading import Asked, Search, capped
from services.audit.records.viewing import ReasonHeader, reason_of

Word = Annotated[str, Field(min_length=1, max_length=256)]
Reason = Annotated[str, Field(max_length=500)]


def as_network(text: str) -> str:
    return str(ip_network(text, strict=False))


class SearchIn(BaseModel):
    """What must hold of a record, all of it; `action` may end in `*`. Times are of receipt, `received_to` exclusive."""

    model_config = ConfigDict(extra="forbid")

    record_id: UUID | None = None
    product: Word | None = None
    project_id: Word | None = None
    actor: Word | None = None
    on_behalf_of: Word | None = None
    action: Word | None = None
    crud: Literal["c", "r", "u", "d"] | None = None
    target: Word | None = None
    is_failure: Flag | None = None
    network: Annotated[str, Field(max_length=50), AfterValidator(as_network)] | None = None
    """An address, or a range of them (`203.0.113.0/24`)."""
    received_from: Instant | None = None
    received_to: Instant | None = None
    text: Word | None = None
    email: Word | None = None
    name: Word | None = None
    fields: Annotated[dict[Word, Annotated[str, Field(max_length=8_192)]], Field(max_length=5)] | None = None

    page_size: Annotated[Whole, Field(ge=1, le=200)] = 50
    page_token: Annotated[str, Field(max_length=500)] | None = None
    reason: Reason | None = None
    """Why; our own staff has to say it."""

    def asked(self) -> Asked:
        names = set(Filter.__dataclass_fields__) & set(SearchIn.model_fields) - {"fields", "network"}
        given = {name: getattr(self, name) for name in names}
        pairs = tuple(sorted((self.fields or {}).items()))
        network = None if self.network is None else ip_network(self.network)
        return Asked(Filter(**given, network=network, fields=pairs), self.email, self.name)


class Total(BaseModel):
    """How many match; counted up to 10,000."""

    count: int
    is_capped: bool


class FoundOut(BaseModel):
    """A record that was found. In `record` personal data are open for who may see them, else sealed; erased ones say so."""

    leaf_index: int
    record_id: UUID
    received_at: datetime
    happened_at: datetime
    record_class: Annotated[str, Field(serialization_alias="class")]
    action: str
    crud: str | None
    product: str | None
    project_id: str | None
    source: str
    actor_id: str | None
    actor_type: str | None
    on_behalf_of: str | None
    impersonation_id: str | None
    session_id: str | None
    target_id: str | None
    target_type: str | None
    network: str | None
    is_failure: bool
    external_id: str | None
    correlation_id: str | None
    trace_id: str | None
    record: dict[str, Any]


class SearchOut(BaseModel):
    """Newest first. `total` comes with the first page."""

    records: list[FoundOut]
    total: Total | None
    next_page_token: str | None


SHOWN = set(FoundOut.model_fields) - {"record_class", "network", "record"}


def found_out(row: Row, statement: Any) -> FoundOut:
    network = None if row["network"] is None else str(row["network"])
    given = {name: row[name] for name in SHOWN}
    return FoundOut(**given, record_class=row["class"], network=network, record=statement)


def router(search: Search, authenticate: Authenticate, page_tokens: PageTokens) -> APIRouter:
    """Search, for who may read the log or verify it. Another tenant's log is answered as one that does not exist."""
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/audit", tags=["audit"])
    reader = needs(authenticate, Capability.AUDIT_READ, Capability.AUDIT_VERIFY)

    @routes.post("/search")
    async def find(
        tenant_id: UUID,
        body: SearchIn,
        claims: Annotated[Claims, reader],
        tenantry_reason: ReasonHeader = None,
    ) -> SearchOut:
        """Records that match, newest first; that somebody looked is itself recorded, with the reason.

        A POST so that addresses and names do not stand in a URL; it changes nothing and needs no Idempotency-Key. `text`
        finds words in English and French, with and without accents; `email` and `name` find what is sealed, by its whole
        value. Who may verify and not read gets personal data sealed.
        """
        reason = reason_of(claims, tenant_id, body.reason or tenantry_reason)
        opens = Capability.AUDIT_READ in capabilities_of(claims, tenant_id)
        scope = {
            "list": "audit-search",
            "tenant_id": str(tenant_id),
            "filter": body.model_dump(mode="json", exclude={"page_token", "page_size", "reason"}),
        }
        after = None
        if body.page_token is not None:
            at, leaf = page_tokens.read(scope, body.page_token)
            after = (datetime.fromisoformat(at), leaf)
        answer = await search.answer(
            tenant_id,
            body.asked(),
            after,
            body.page_size + 1,
            counts=after is None,
            opens=opens,
            reason=reason,
        )
        shown = answer.rows[: body.page_size]
        token = None
        if len(answer.rows) > len(shown):
            last = shown[-1][0]
            token = page_tokens.issue(scope, [last["received_at"].isoformat(), last["leaf_index"]])
        return SearchOut(
            records=[found_out(row, statement) for row, statement in shown],
            total=None if answer.counted is None else Total(**capped(answer.counted)),
            next_page_token=token,
        )

    return routes
