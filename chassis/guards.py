"""Guards of endpoints: each route names the capability that it needs, and the table in `contracts` says who has it."""

from typing import Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError

from chassis.auth import Authenticate
from chassis.errors import Forbidden, NotFound
from contracts.capabilities import Capability, capabilities_of
from contracts.claims import Claims


class Guard:
    """FastAPI dependency: the caller's claims, if it has `capability` in the tenant of the path.

    A path without a tenant means the caller's own. Another tenant is answered as one that does not exist (404), a missing
    capability in one's own is 403.
    """

    security_scheme = "bearer"

    def __init__(self, authenticate: Authenticate, capability: Capability, *others: Capability) -> None:
        self._authenticate = authenticate
        self.capability = capability
        self._any = frozenset({capability, *others})

    async def __call__(self, request: Request) -> Claims:
        claims = await self._authenticate(request)
        tenant_id = tenant_of(request, claims)
        if self._any & capabilities_of(claims, tenant_id):
            if claims.act and not self.capability.endswith(".read"):
                raise Forbidden("who acts for somebody else may look and not change")
            return claims
        if "tenant_id" in request.path_params and not is_known_to(claims, tenant_id):
            raise NotFound(f"there is no tenant {tenant_id} that you may see")
        raise Forbidden(
            f"this needs the capability {self.capability.value}", capability=self.capability.value
        )


def tenant_of(request: Request, claims: Claims) -> UUID | None:
    """The tenant in the path, else the caller's own. Raises RequestValidationError for what is no UUID."""
    given = request.path_params.get("tenant_id")
    if given is None:
        return claims.tenant_id
    try:
        return UUID(str(given))
    except ValueError as error:
        fault = {"type": "uuid_parsing", "loc": ("path", "tenant_id"), "msg": str(error), "input": given}
        raise RequestValidationError([fault]) from error


def is_known_to(claims: Claims, tenant_id: UUID | None) -> bool:
    """Whether the caller may know that the tenant exists."""
    return claims.tenant_id == tenant_id or bool(claims.realm_roles)


def needs(authenticate: Authenticate, capability: Capability, *others: Capability) -> Any:
    """`Annotated[Claims, needs(authenticate, Capability.AUDIT_READ)]`; with `others`, any of them will do."""
    return Depends(Guard(authenticate, capability, *others))
