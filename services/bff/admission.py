"""Dependencies of the bff's endpoints: who came in, and what an endpoint needs of them besides."""

from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request

from chassis.auth import remember_actor
from chassis.bound_tokens import address_of
from contracts.roles import BackofficeRole
from services.bff.door import Door, Guest, Knock
from services.bff.errors import PropertyOutOfScope, RoleNeeded


@dataclass(frozen=True, slots=True)
class Needs:
    """What an endpoint asks for beyond the door."""

    roles: frozenset[str] = frozenset()
    """Any of these backoffice roles; none: all may."""
    property_in: str | None = None
    """Name of the path parameter that is a property at which the member must work."""
    risk: int | None = None
    """From 0 to 3: at and above the tenant's threshold a fresh second factor is needed. None: never."""


class Admit:
    """FastAPI dependency: who came through the door, if they have what the endpoint needs.

    `Annotated[Guest, Depends(admit)]`, `Annotated[Guest, admit.needing(BackofficeRole.GENERAL_MANAGER, risk=2)]`.
    """

    security_scheme = "dpop"

    def __init__(self, door: Door, public_origin: str, needs: Needs | None = None) -> None:
        """`public_origin` is the configured one, never that of the request."""
        self.door = door
        self._origin = public_origin
        self._needs = needs or Needs()

    def needing(self, *roles: BackofficeRole, property_in: str | None = None, risk: int | None = None) -> Any:
        """The dependency of an endpoint that needs more; see `Needs`."""
        needs = Needs(frozenset(role.value for role in roles), property_in, risk)
        return Depends(Admit(self.door, self._origin, needs))

    async def __call__(self, request: Request) -> Guest:
        """Raises what the door raises, RoleNeeded, PropertyOutOfScope, InsufficientAuthentication."""
        guest = await self.door.admit(
            Knock(
                request.method,
                address_of(request, self._origin),
                request.headers.get("authorization", ""),
                request.headers.getlist("dpop"),
            )
        )
        remember_actor(guest.claims)
        needs = self._needs
        if needs.roles:
            require_role(guest, needs.roles)
        if needs.property_in is not None:
            require_property(guest, str(request.path_params[needs.property_in]))
        if needs.risk is not None:
            self.door.require_fresh(guest, needs.risk)
        return guest


def require_role(guest: Guest, roles: frozenset[str]) -> None:
    """Raises RoleNeeded."""
    if not roles & guest.scope.backoffice_roles:
        raise RoleNeeded(
            f"this needs one of the roles {', '.join(sorted(roles))}",
            french=f"cette action demande l'un des rôles {', '.join(sorted(roles))}",
            roles=sorted(roles),
        )


def require_property(guest: Guest, code: str) -> None:
    """Raises PropertyOutOfScope."""
    if code not in guest.scope.properties:
        raise PropertyOutOfScope(
            f"you do not work at property {code!r}",
            french=f"vous ne travaillez pas dans l'établissement {code!r}",
            property=code,
        )
