"""Routes that a device calls: a DPoP-bound token with its proof (RFC 9449 §7), beside plain tokens of everybody else."""

import os
import time

from fastapi import Request, Response

from chassis.auth import Authenticate, TokenVerifier, challenge, refused, remember_actor
from chassis.dpop import DpopError, Nonces, ReplayMemory, verify_proof
from chassis.errors import Unauthorized
from contracts.claims import Claims

SCHEMES = frozenset({"bearer", "dpop"})


class ProofInvalid(Unauthorized):
    """The proof is refused; `reason` says which check failed."""

    code = "CHASSIS.DPOP_INVALID"


class AuthenticateBound(Authenticate):
    """FastAPI dependency: takes a bound token only with its proof, an unbound one only as Bearer.

    `origin` is the configured public one, never the request's `Host`. A process that starts demands a nonce of its own.
    """

    def __init__(self, verifier: TokenVerifier, origin: str) -> None:
        super().__init__(verifier)
        self._verifier = verifier
        self._origin = origin.rstrip("/")
        self._nonces = Nonces(os.urandom(32))
        self._replay = ReplayMemory()

    async def __call__(self, request: Request, response: Response) -> Claims:  # type: ignore[override]  # FastAPI reads it
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in SCHEMES or not token:
            raise Unauthorized(
                "send `Authorization: DPoP <access token>` with its proof", headers=challenge()
            )
        claims = await self._verifier.verify(token)
        if (claims.cnf_jkt is not None) != (scheme.lower() == "dpop"):
            raise refused("a bound token comes as DPoP with its proof, one that is not bound as Bearer")
        if claims.cnf_jkt is not None:
            self._check(request, token, claims.cnf_jkt)
        response.headers["DPoP-Nonce"] = self._nonces.current(time.time())
        remember_actor(claims)
        return claims

    def _check(self, request: Request, token: str, jkt: str) -> None:
        try:
            verify_proof(
                request.headers.getlist("dpop"),
                method=request.method,
                url=f"{self._origin}{request.scope['raw_path'].decode('ascii')}",
                access_token=token,
                expected_jkt=jkt,
                nonces=self._nonces,
                replay=self._replay,
                demand_nonce=True,
            )
        except DpopError as error:
            asks = "use_dpop_nonce" if error.needs_nonce else "invalid_dpop_proof"
            headers = {
                "WWW-Authenticate": f'DPoP error="{asks}", algs="ES256 ES384 EdDSA"',
                "DPoP-Nonce": self._nonces.current(time.time()),
            }
            raise ProofInvalid(error.detail, headers=headers, reason=error.reason) from error
