"""The door: token, proof, tenant, device, in this order; one check for REST and for the stream."""

import os
import time
from dataclasses import dataclass
from uuid import UUID

from chassis.auth import TokenVerifier, remember_actor
from chassis.dpop import DpopError, Nonces, ReplayMemory, verify_proof
from chassis.errors import Unauthorized
from contracts.claims import Claims
from services.bff.directory import Directory, Scope
from services.bff.errors import DeviceUnknown, ProofRefused, TenantDisabled

OPEN_STATES = frozenset({"trial", "active", "frozen"})
"""A frozen tenant reads on; its writes are refused elsewhere."""


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

    def __init__(self, verifier: TokenVerifier, directory: Directory) -> None:
        self._verifier = verifier
        self._directory = directory
        self._nonces = Nonces(os.urandom(32))
        self._replay = ReplayMemory()

    def nonce(self) -> str:
        """Sent with every answer."""
        return self._nonces.current(time.time())

    async def admit(self, knock: Knock) -> Guest:
        """Raises ProofRefused, Unauthorized, TenantDisabled, DeviceUnknown, or a Transient while a dependency is down."""
        scheme, _, token = knock.authorization.partition(" ")
        if scheme.lower() != "dpop" or not token:
            raise self._refusal("scheme", "send `Authorization: DPoP <access token>` with a proof in `DPoP`")
        claims = await self._verifier.verify(token)
        if claims.cnf_jkt is None:
            raise self._refusal("binding", "the access token is not bound to a key (cnf.jkt)")
        self._check_proof(knock, token, claims.cnf_jkt)
        if claims.tenant_id is None:
            raise Unauthorized("the access token names no tenant yet; renew it and try again")
        remember_actor(claims)
        if await self._directory.status_of(claims.tenant_id) not in OPEN_STATES:
            raise TenantDisabled("this tenant may not come in now")
        device_id = await self._directory.device_of(claims.tenant_id, claims.cnf_jkt)
        if device_id is None:
            raise DeviceUnknown("this device is not enrolled, or it was revoked; enrol it again")
        scope = await self._directory.scope_of(claims.tenant_id, claims.sub)
        if scope is None:
            scope = Scope(frozenset(), frozenset())
        return Guest(claims, claims.tenant_id, device_id, claims.sub, scope)

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
            raise self._refusal(error.reason, error.detail, needs_nonce=error.needs_nonce) from error

    def _refusal(self, reason: str, detail: str, *, needs_nonce: bool = False) -> ProofRefused:
        error = "use_dpop_nonce" if needs_nonce else "invalid_dpop_proof"
        headers = {
            "WWW-Authenticate": f'DPoP error="{error}", algs="ES256 ES384 EdDSA"',
            "DPoP-Nonce": self.nonce(),
        }
        return ProofRefused(detail, headers=headers, reason=reason)
