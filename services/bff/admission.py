"""Dependencies of the bff's endpoints: who came in, and what an endpoint needs of them besides."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request

from chassis.bound_tokens import address_of
from chassis.dpop import challenge
from chassis.step_up import require_second_factor
from chassis.switches import Switches
from contracts.roles import BackofficeRole
from services.bff.door import Door, Guest, Knock
from services.bff.errors import PropertyOutOfScope, RoleNeeded

MFA_THRESHOLD = "mfa_scope_threshold"


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
    """FastAPI dependency: who came through the door, if they have what the endpoint needs."""

    security_scheme = "dpop"

    def __init__(self, entrance: "Entrance", needs: Needs) -> None:
        self._entrance = entrance
        self._needs = needs

    async def __call__(self, request: Request) -> Guest:
        """Raises what the door raises, RoleNeeded, PropertyOutOfScope, InsufficientAuthentication."""
        entrance, needs = self._entrance, self._needs
        guest = await entrance.door.admit(
            Knock(
                request.method,
                address_of(request, entrance.origin),
                request.headers.get("authorization", ""),
                request.headers.getlist("dpop"),
            )
        )
        if needs.roles:
            require_role(guest, needs.roles)
        if needs.property_in is not None:
            require_property(guest, str(request.path_params[needs.property_in]))
        if needs.risk is not None:
            entrance.require_fresh(guest, needs.risk)
        return guest


@dataclass(frozen=True, slots=True)
class Entrance:
    """Makes those dependencies.

    `origin` is the configured public one; a sign-in is recent for `fresh_seconds`.
    """

    door: Door
    switches: Switches
    origin: str
    fresh_seconds: int
    now: Callable[[], float] = time.time

    def admits(self, *roles: BackofficeRole, property_in: str | None = None, risk: int | None = None) -> Any:
        """`guest: Annotated[Guest, entrance.admits(BackofficeRole.MANAGER, risk=2)]`."""
        needs = Needs(frozenset(role.value for role in roles), property_in, risk)
        return Depends(Admit(self, needs))

    def require_fresh(self, guest: Guest, risk: int) -> None:
        """Raises InsufficientAuthentication (RFC 9470), NotToldYet."""
        if risk >= int(self.switches.value(MFA_THRESHOLD, guest.tenant_id)):
            require_second_factor(guest.claims, challenge, now=self.now(), max_age=self.fresh_seconds)


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
