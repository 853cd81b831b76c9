"""Routes that a device calls: a DPoP-bound token with its proof (RFC 9449 §7), beside plain tokens of everybody else."""

from collections.abc import Callable

from fastapi import Request

from chassis.auth import Authenticate, IsRevoked, TokenVerifier, refused, remember_actor
from chassis.auth import challenge as bearer_challenge
from chassis.dpop import DpopError, ProofChecks, challenge
from chassis.errors import Unauthorized
from chassis.http import Says
from chassis.step_up import Challenge
from contracts.claims import Claims

SCHEMES = frozenset({"bearer", "dpop"})


class ProofInvalid(Unauthorized):
    """The proof is refused; `reason` says which check failed."""

    code = "CHASSIS.DPOP_INVALID"


class AuthenticateBound(Authenticate):
    """FastAPI dependency: takes a bound token only with its proof, an unbound one only as Bearer.

    `origin` is the configured public one, never the request's `Host`. Every answer of the service must carry `nonce()`.
    """

    def __init__(
        self, verifier: TokenVerifier, origin: str, secret: bytes, is_revoked: IsRevoked | None = None
    ) -> None:
        """`secret` is the same in all processes of the service, so that they take each other's nonces."""
        super().__init__(verifier, is_revoked)
        self._origin = origin.rstrip("/")
        self._proofs = ProofChecks(secret, demands_nonce=True)
        self.nonce = self._proofs.nonce

    async def __call__(self, request: Request) -> Claims:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in SCHEMES or not token:
            raise Unauthorized(
                "send `Authorization: DPoP <access token>` with its proof", headers=bearer_challenge()
            )
        claims = await self._verifier.verify(token)
        if (claims.cnf_jkt is not None) != (scheme.lower() == "dpop"):
            raise refused("a bound token comes as DPoP with its proof, one that is not bound as Bearer")
        if claims.cnf_jkt is not None:
            self._check(request, token, claims.cnf_jkt)
        await self.refuse_revoked(claims)
        remember_actor(claims)
        return claims

    def _check(self, request: Request, token: str, jkt: str) -> None:
        try:
            self._proofs.check(
                request.headers.getlist("dpop"),
                method=request.method,
                url=address_of(request, self._origin),
                access_token=token,
                expected_jkt=jkt,
            )
        except DpopError as error:
            raise ProofInvalid(error.detail, headers=challenge(error.error), reason=error.reason) from error


def challenge_for(claims: Claims) -> Challenge:
    """How to challenge a caller of such a route: in the scheme that it used."""
    return bearer_challenge if claims.cnf_jkt is None else challenge


def address_of(request: Request, origin: str) -> str:
    """Our own public address of a request as it was sent, its escapes too: `/a%2Fb` is another path than `/a/b`."""
    return f"{origin}{request.scope['raw_path'].decode('latin-1')}"


def says_nonce(nonce: Callable[[], str]) -> Says:
    """For `create_api`: a nonce with every answer, which no cache may keep (RFC 9449 §8.2, §9)."""
    return lambda: {"DPoP-Nonce": nonce(), "Cache-Control": "no-store"}
