"""The door: token, proof, tenant and kill switch, device, in this order; one check for REST and for the stream."""

import time
from dataclasses import dataclass
from uuid import UUID

from chassis.auth import TokenVerifier
from chassis.dpop import DpopError, Proof, ProofChecks, challenge
from chassis.errors import Unauthorized
from chassis.step_up import require_second_factor
from chassis.switches import Switches
from contracts.claims import Claims
from services.bff.bounds import DISABLED_SECONDS
from services.bff.directory import Directory, Scope
from services.bff.errors import (
    BackofficeDisabled,
    DeviceUnknown,
    MemberDeactivated,
    MemberUnknown,
    ProofRefused,
    TenantDisabled,
)

OPEN_STATES = frozenset({"trial", "active", "frozen"})
"""A frozen tenant reads on; its writes are refused elsewhere."""
KILL_SWITCH = "bff_backoffice_enabled"
MFA_THRESHOLD = "mfa_scope_threshold"


@dataclass(frozen=True, slots=True)
class Guest:
    """Who came in: a member of a tenant, on an enrolled device, with a scope; a mutation uses up the proof."""

    claims: Claims
    tenant_id: UUID
    device_id: UUID
    member_id: str
    scope: Scope
    proof: Proof


@dataclass(frozen=True, slots=True)
class Knock:
    """A request as far as the door looks: its method, our public address of it, its headers."""

    method: str
    url: str
    authorization: str
    proofs: list[str]


class Door:
    """One per process; `secret` is the same in all of them, so that they take each other's nonces."""

    def __init__(
        self,
        verifier: TokenVerifier,
        directory: Directory,
        switches: Switches,
        secret: bytes,
        fresh_seconds: int,
    ) -> None:
        """`fresh_seconds`: how old a sign-in with a second factor is at most, for an action that needs a recent one."""
        self._verifier = verifier
        self._directory = directory
        self._switches = switches
        self._fresh_seconds = fresh_seconds
        self._proofs = ProofChecks(secret, demands_nonce=True)

    def nonce(self) -> str:
        """Sent with every answer."""
        return self._proofs.nonce()

    def is_open_for(self, tenant_id: UUID) -> bool:
        """The kill switch. Raises NotToldYet."""
        return self._switches.value(KILL_SWITCH, tenant_id) is True

    def require_fresh(self, guest: Guest, risk: int) -> None:
        """From the tenant's threshold on. Raises InsufficientAuthentication (RFC 9470), NotToldYet."""
        if risk >= int(self._switches.value(MFA_THRESHOLD, guest.tenant_id)):
            require_second_factor(guest.claims, challenge, now=time.time(), max_age=self._fresh_seconds)

    async def admit(self, knock: Knock) -> Guest:
        """Raises the refusals of `errors.py` and Unauthorized, or a Transient while a dependency is down."""
        token = _token_of(knock.authorization)
        claims = await self._verified(token)
        if claims.cnf_jkt is None:
            raise _refusal("invalid_token", "binding", "the access token is not bound to a key (cnf.jkt)")
        proof = self._checked(knock, token, claims.cnf_jkt)
        if claims.tenant_id is None:
            raise Unauthorized(
                "the access token names no tenant yet; renew it and try again",
                headers=challenge("invalid_token"),
            )
        known = self._directory.remembered(claims.tenant_id, claims.cnf_jkt, claims.sub)
        if known is None:
            known = await self._directory.standing(claims.tenant_id, claims.cnf_jkt, claims.sub)
        status = known.status or await self._directory.ask_status(known.tenant_id)
        self._check_tenant(known.tenant_id, status)
        device_id = known.device_id or await self._directory.ask_device(known.tenant_id, claims.cnf_jkt)
        if device_id is None or known.is_revoked:
            raise DeviceUnknown("this device is not enrolled, or it was revoked; enrol it again")
        scope = known.scope or await self._directory.ask_scope(known.tenant_id, known.member_id)
        if scope is None:
            raise MemberUnknown("you are no member of this tenant; ask your IT admin to add you")
        if not scope.is_active:
            raise deactivated()
        return Guest(claims, known.tenant_id, device_id, known.member_id, scope, proof)

    async def _verified(self, token: str) -> Claims:
        """The verifier serves every scheme and speaks of Bearer; here only DPoP is one (RFC 9449 §7.1)."""
        try:
            return await self._verifier.verify(token)
        except Unauthorized as error:
            error.headers = challenge("invalid_token")
            raise

    def _checked(self, knock: Knock, token: str, jkt: str) -> Proof:
        try:
            return self._proofs.check(
                knock.proofs, method=knock.method, url=knock.url, access_token=token, expected_jkt=jkt
            )
        except DpopError as error:
            raise _refusal(error.error, error.reason, error.detail) from error

    def _check_tenant(self, tenant_id: UUID, status: str | None) -> None:
        if status not in OPEN_STATES:
            raise TenantDisabled("this tenant may not come in now")
        if not self.is_open_for(tenant_id):
            raise BackofficeDisabled(
                "the backoffice is switched off for now; work offline and try again later",
                french="le backoffice est désactivé pour le moment ; travaillez hors ligne et réessayez plus tard",
                headers={"Retry-After": str(DISABLED_SECONDS)},
            )


def deactivated() -> MemberDeactivated:
    return MemberDeactivated(
        "you were deactivated; ask your IT admin to add you again",
        french="votre accès est désactivé ; demandez à votre administrateur de vous ajouter à nouveau",
    )


def _token_of(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "dpop" or not token:
        told = "send `Authorization: DPoP <access token>` with a proof in `DPoP`"
        raise _refusal("invalid_token" if token else None, "scheme", told)
    return token


def _refusal(error: str | None, reason: str, detail: str) -> ProofRefused:
    return ProofRefused(detail, headers=challenge(error), reason=reason)
