"""HTTP in, for products: is this key good, whose is it, what does it open."""

from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Response
from pydantic import BaseModel

from chassis.auth import Authenticate, require_product
from chassis.hot_route import HotRoute
from contracts.claims import Claims
from contracts.roles import PRODUCT_PREFIX
from services.registry.api_keys.model import Asked, Code
from services.registry.api_keys.verification import Verifier
from services.registry.bodies import Body


class VerificationIn(Body):
    """The key as the product's client sent it, and what the client claims or wants."""

    key: str
    tenant_id: UUID | None = None
    product: str | None = None
    scope: str | None = None


class VerificationOut(BaseModel):
    """With INVALID_FORMAT, NOT_FOUND, WRONG_TENANT and WRONG_PRODUCT everything about the key is null."""

    valid: bool
    code: Code
    key_id: UUID | None
    tenant_id: UUID | None
    project_id: str | None
    scopes: list[str]
    tenant_status: Literal["trial", "active", "frozen", "archived"] | None
    plan: str | None
    ent_v: int | None
    cache_ttl_s: int


def router(authenticate: Authenticate, verifier: Verifier) -> APIRouter:
    """A product learns of its own keys only: which product it is says its token."""
    routes = APIRouter(prefix="/internal/api-keys", tags=["internal"], route_class=HotRoute)
    product = require_product(authenticate)

    @routes.post("/verify", responses={200: {"model": VerificationOut}})
    async def verify(body: VerificationIn, caller: Annotated[Claims, product]) -> Response:
        """Always 200; `code` says why a key is not valid. `cache_ttl_s` is for callers that hear no events."""
        name = (caller.service or "").removeprefix(PRODUCT_PREFIX)
        asked = Asked(name, body.product, body.tenant_id, body.scope)
        return Response(orjson.dumps(await verifier.verify(body.key, asked)), 200, None, "application/json")

    return routes
