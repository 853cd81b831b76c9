"""The door: token, proof, tenant and kill switch, device, in this order; one check for REST and for the stream."""

import os
import time
from dataclasses import dataclass
from uuid import UUID

from chassis.auth import TokenVerifier, remember_actor
from chassis.dpop import DpopError, Nonces, ReplayMemory, verify_proof
from chassis.errors import DomainError, Unauthorized
from chassis.switches import Switches
from contracts.claims import Claims
from services.bff.bounds import DISABLED_SECONDS
from services.bff.directory import Directory, Scope
from services.bff.errors import (
    BackofficeDisabled,
    DeviceUnknown,
    MemberDeactivated,
    ProofRefused,
    TenantDisabled,
)

OPEN_STATES = frozenset({"trial", "active", "frozen"})
"""A frozen tenant reads on; its writes are refused elsewhere."""
KILL_SWITCH = "bff_backoffice_enabled"
ALGORITHMS = 'algs="ES256 ES384 EdDSA"'


@dataclass(frozen=True, slots=True)
class Guest:
    """Who came in: a member of a tenant, on an enrolled device, with a scope."""

    claims: Claims
    tenant_id: UUID
    device_id: UUID
    member_id: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Knock:
    """A request as far as the door looks: its method, our public address of it, its headers."""

    method: str
    url: str
    authorization: str
    proofs: list[str]


class Door:
    """Replays are remembered per process; nonces are this process's own, so a process that starts demands a new one."""

    def __init__(self, verifier: TokenVerifier, directory: Directory, switches: Switches) -> None:
        self._verifier = verifier
        self._directory = directory
        self._switches = switches
        self._nonces = Nonces(os.urandom(32))
        self._replay = ReplayMemory()

    def nonce(self) -> str:
        """Sent with every answer."""
        return self._nonces.current(time.time())

    def is_open_for(self, tenant_id: UUID) -> bool:
        """The kill switch. Raises NotToldYet."""
        return self._switches.value(KILL_SWITCH, tenant_id) is True

    async def admit(self, knock: Knock) -> Guest:
        """Raises the refusals of `errors.py` and Unauthorized, or a Transient while a dependency is down."""
        try:
            return await self._admitted(knock)
        except DomainError as error:
            error.headers = {**error.headers, "DPoP-Nonce": self.nonce()}
            raise

    async def _admitted(self, knock: Knock) -> Guest:
        token = _token_of(knock.authorization)
        claims = await self._verified(token)
        if claims.cnf_jkt is None:
            raise _refusal("invalid_token", "binding", "the access token is not bound to a key (cnf.jkt)")
        self._check_proof(knock, token, claims.cnf_jkt)
        if claims.tenant_id is None:
            raise Unauthorized(
                "the access token names no tenant yet; renew it and try again",
                headers=challenge("invalid_token"),
            )
        remember_actor(claims)
        if await self._directory.status_of(claims.tenant_id) not in OPEN_STATES:
            raise TenantDisabled("this tenant may not come in now")
        if not self.is_open_for(claims.tenant_id):
            raise BackofficeDisabled(
                "the backoffice is switched off for now; work offline and try again later",
                french="le backoffice est désactivé pour le moment ; travaillez hors ligne et réessayez plus tard",
                headers={"Retry-After": str(DISABLED_SECONDS)},
            )
        device_id = await self._directory.device_of(claims.tenant_id, claims.cnf_jkt)
        if device_id is None:
            raise DeviceUnknown("this device is not enrolled, or it was revoked; enrol it again")
        scope = await self._directory.scope_of(claims.tenant_id, claims.sub)
        if scope is None:
            scope = Scope(frozenset(), frozenset())
        if not scope.is_active:
            raise deactivated()
        return Guest(claims, claims.tenant_id, device_id, claims.sub, scope)

    async def _verified(self, token: str) -> Claims:
        """The verifier serves every scheme and speaks of Bearer; here only DPoP is one (RFC 9449 §7.1)."""
        try:
            return await self._verifier.verify(token)
        except Unauthorized as error:
            error.headers = challenge("invalid_token")
            raise

    def _check_proof(self, knock: Knock, token: str, jkt: str) -> None:
        try:
            verify_proof(
                knock.proofs,
                method=knock.method,
                url=knock.url,
                access_token=token,
                expected_jkt=jkt,
                nonces=self._nonces,
                replay=self._replay,
                demand_nonce=True,
            )
        except DpopError as error:
            raise _refusal(_error_of(error), error.reason, error.detail) from error


def deactivated() -> MemberDeactivated:
    return MemberDeactivated(
        "you were deactivated; ask your IT admin to add you again",
        french="votre accès est désactivé ; demandez à votre administrateur de vous ajouter à nouveau",
    )


def challenge(error: str | None) -> dict[str, str]:
    """RFC 9449 §7.1; no error for who sent nothing to judge (RFC 6750 §3.1)."""
    said = f'error="{error}", ' if error else ""
    return {"WWW-Authenticate": f"DPoP {said}{ALGORITHMS}"}


def _token_of(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "dpop" or not token:
        told = "send `Authorization: DPoP <access token>` with a proof in `DPoP`"
        raise _refusal("invalid_token" if token else None, "scheme", told)
    return token


def _error_of(error: DpopError) -> str:
    """A key that does not fit is the token's fault (RFC 9449 §7.1), all else is the proof's."""
    if error.needs_nonce:
        return "use_dpop_nonce"
    return "invalid_token" if error.reason == "binding" else "invalid_dpop_proof"


def _refusal(error: str | None, reason: str, detail: str) -> ProofRefused:
    return ProofRefused(detail, headers=challenge(error), reason=reason)
