"""Step-up authentication (RFC 9470): an action may need a second factor, and one that was given a short time ago."""

from collections.abc import Callable
from typing import Any

from chassis.errors import Unauthorized
from contracts.claims import Claims

STRONG_ACR = frozenset({"mfa", "2", "phr", "phrh"})
"""What issuers call a sign-in with a second factor: ours, Keycloak's levels, and OpenID's `phr` and `phrh`."""
ASKED_ACR = "mfa"
Challenge = Callable[..., dict[str, str]]


class InsufficientAuthentication(Unauthorized):
    """A second factor, or a fresher one, is needed. `acr_values` and `max_age` (seconds) say what to ask the issuer for."""

    code = "CHASSIS.INSUFFICIENT_AUTHENTICATION"


def require_second_factor(
    claims: Claims, challenge: Challenge, *, now: float = 0.0, max_age: int | None = None
) -> None:
    """Raises InsufficientAuthentication unless the sign-in had a second factor, at most `max_age` seconds before `now`.

    `challenge` makes the WWW-Authenticate header of the scheme in use: `chassis.auth.challenge`, `chassis.dpop.challenge`.
    """
    is_strong = claims.acr in STRONG_ACR
    is_fresh = max_age is None or (claims.auth_time is not None and now - claims.auth_time <= max_age)
    if is_strong and is_fresh:
        return
    wanted: dict[str, Any] = {"acr_values": ASKED_ACR} | ({} if max_age is None else {"max_age": max_age})
    told = {name: str(value) for name, value in wanted.items()}
    recent = "" if max_age is None else f" in the last {max_age} s"
    raise InsufficientAuthentication(
        f"this needs a sign-in with a second factor{recent}; sign in again with these acr_values and max_age",
        french="cette action demande une connexion récente avec un second facteur ; reconnectez-vous",
        headers=challenge("insufficient_user_authentication", **told),
        **wanted,
    )
