"""HTTP in: exports of a tenant's log, and the signed link to a finished one."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.context import current_origin
from chassis.db import Database, rows
from chassis.fields import Flag, Instant
from chassis.guards import Guard, is_known_to, needs
from chassis.idempotency import Keyed, once
from chassis.pages import Paged, PageTokens
from chassis.problems import language_of
from contracts.capabilities import DEMO_TENANT_ID, Capability, capabilities_of
from contracts.claims import Claims
from services.audit.exports import operations as exports
from services.audit.exports.errors import DemoNotExported, LinkExpired
from services.audit.exports.files import ExportFiles
from services.audit.exports.links import Links
from services.audit.exports.model import Wanted
from services.audit.records.personal.keys import Keys
from services.audit.records.viewing import is_staff, reason_of

Word = Annotated[str, Field(min_length=1, max_length=200)]


ZIP: dict[str, Any] = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
FILES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The ZIP", "content": ZIP},
    206: {"description": "The part of it that `Range` names (RFC 9110 §14)", "content": ZIP},
}


class FilterIn(BaseModel):
    """Which records; all that are given must fit. A filtered export cannot prove that nothing is missing."""

    model_config = ConfigDict(extra="forbid")

    product: Word | None = None
    """`platform` for the platform's own records."""
    actor_id: Word | None = None
    action: Word | None = None
    """Exact, or a prefix that ends in `*`."""
    target_id: Word | None = None
    is_failure: Flag | None = None


class ExportIn(BaseModel):
    """A range of times of receipt. Without a beginning: from the first record on; without an end: until now."""

    model_config = ConfigDict(extra="forbid")

    received_from: Instant | None = None
    received_to: Instant | None = None
    """Excluded."""
    filter: FilterIn | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Why; our own staff has to say it."""


class NotInDemo(Guard):
    """Says why, where the demo tenant is meant."""

    async def __call__(self, request: Request) -> Claims:
        claims = await self._authenticate(request)
        if request.path_params.get("tenant_id") == str(DEMO_TENANT_ID) and is_known_to(
            claims, DEMO_TENANT_ID
        ):
            raise DemoNotExported(
                "everybody who looks at Tenantry is let into the demo tenant, so its log is not given away",
                french="le client de démonstration est ouvert à tous les visiteurs : son journal n'est pas communiqué",
            )
        return await super().__call__(request)


def may_fetch(row: dict[str, Any], claims: Claims, tenant_id: UUID) -> bool:
    """Personal data is for who may read it; our own staff has said why for what it asked for itself alone."""
    if is_staff(claims, tenant_id):
        return bool(row["asked_by"] == claims.sub)
    return not row["shows_personal"] or Capability.AUDIT_READ in capabilities_of(claims, tenant_id)


def export_out(row: dict[str, Any], links: Links, claims: Claims, tenant_id: UUID) -> dict[str, Any]:
    """What is shown of an export; `link` while there is something to fetch, to who may."""
    times = ("asked_at", "received_from", "received_to", "ready_at", "expires_at")
    first, end, drawn = row["first_leaf"], row["end_leaf"], row["phase"] == "drawing"
    has_link = row["state"] == "ready" and may_fetch(row, claims, tenant_id)
    return {
        "export_id": str(row["export_id"]),
        "state": row["state"],
        "asked_by": row["asked_by"],
        "language": row["language"],
        "shows_personal": row["shows_personal"],
        "filter": row["filter"],
        "is_range_complete": row["filter"] is None,
        **{name: row[name].isoformat() if row[name] else None for name in times},
        "progress": {
            "phase": row["phase"],
            "so_far": row["looked_at"],
            "of": row["records"] if drawn else None if end is None else end - first,
        },
        "records": row["records"],
        "error": row["error"],
        "bytes": row["bytes"],
        "sha256": row["sha256"].hex() if row["sha256"] else None,
        "downloads": row["downloads"],
        "link": links.to(tenant_id, row["export_id"], row["expires_at"]) if has_link else None,
    }


def router(
    database: Database,
    authenticate: Authenticate,
    clock: Clock,
    tokens: PageTokens,
    links: Links,
    files: ExportFiles,
    keys: Keys,
) -> APIRouter:
    """Whoever manages or verifies the log may ask, and gets what it may see of personal data."""
    routes = APIRouter(prefix="/v1", tags=["audit"])
    place = "/tenants/{tenant_id}/audit/exports"
    reader = needs(authenticate, Capability.AUDIT_READ, Capability.AUDIT_VERIFY)
    asker = Depends(NotInDemo(authenticate, Capability.AUDIT_MANAGE, Capability.AUDIT_VERIFY))

    @routes.post(place, status_code=202)
    async def ask(
        tenant_id: UUID, body: ExportIn, request: Request, claims: Annotated[Claims, asker], key: Keyed
    ) -> Response:
        """Ask for an export: a ZIP to read and to verify offline, in the language of the request. It is written in the
        background; the request itself becomes a record of the log.
        """
        headers: dict[str, str] = {}
        async with database.worker() as tx:

            async def effect() -> tuple[int, Any]:
                row = await exports.ask(
                    tx,
                    tenant_id,
                    (body.received_from, body.received_to),
                    Wanted(**body.filter.model_dump()) if body.filter else None,
                    by=(claims.sub, current_origin().actor_type or "user"),
                    language=language_of(request.headers.get("accept-language", "")),
                    shows_personal=Capability.AUDIT_READ in capabilities_of(claims, tenant_id),
                    reason=reason_of(claims, tenant_id, body.reason),
                    keys=keys,
                    now=clock.now(),
                )
                headers["Location"] = f"{place.format(tenant_id=tenant_id)}/{row['export_id']}"
                return 202, export_out(row, links, claims, tenant_id)

            return await once(request, tx, clock, claims.sub, tenant_id, effect, headers)

    @routes.get(place)
    async def listed(tenant_id: UUID, claims: Annotated[Claims, reader], asked: Paged) -> dict[str, Any]:
        """The exports of the tenant, the newest first."""
        listing = tokens.open(asked, {"list": "exports", "tenant": tenant_id}, "asked_at", "export_id")
        after = listing.after
        async with database.reading(tenant_id) as tx:
            found = await rows(
                exports.queries.listed(
                    tx,
                    tenant_id=tenant_id,
                    after_asked_at=after["asked_at"] and datetime.fromisoformat(after["asked_at"]),
                    after_export_id=after["export_id"] and UUID(after["export_id"]),
                    most=listing.most,
                )
            )
        return listing.answer("exports", [export_out(row, links, claims, tenant_id) for row in found])

    @routes.get(f"{place}/{{export_id}}")
    async def show(tenant_id: UUID, export_id: UUID, claims: Annotated[Claims, reader]) -> dict[str, Any]:
        """One export: how far it is, and the link to the file once it is ready."""
        async with database.reading(tenant_id) as tx:
            return export_out(await exports.one(tx, tenant_id, export_id), links, claims, tenant_id)

    @routes.get("/audit/exports/{token}", response_class=Response, responses=FILES)
    async def fetch(
        token: Annotated[str, Path(max_length=200)],
        range_: Annotated[str | None, Header(alias="Range", examples=["bytes=1048576-"])] = None,
    ) -> Response:
        """The file behind a signed link; whoever has the link has the file. Each fetch is a record of the log."""
        now = clock.now()
        tenant_id, export_id = links.read(token, now)
        async with database.worker() as tx:
            key, found = await exports.fetch(tx, tenant_id, export_id, now)
        answer = files.answer(key, f"audit-{tenant_id}-{found['asked_at']:%Y%m%d-%H%M%S}.zip")
        if answer is None:
            raise LinkExpired("the file is not there any more; ask for another export")
        return answer

    return routes
