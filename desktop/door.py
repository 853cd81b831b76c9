"""One request to Tenantry: token, proof, nonce and clock taken care of."""

from typing import Any

import httpx

from desktop.errors import NotNow, Offline, Refused
from desktop.proofs import Proofs
from desktop.signin import SignIn

NOT_NOW = frozenset({429, 503})
USUAL_WAIT_SECONDS = 60.0
"""Where `Retry-After` is missing or no number of seconds."""
LEAST_WAIT_SECONDS = 1.0


class Door:
    """Sends requests as this member on this device; tries once more when the server asks for its nonce."""

    def __init__(self, http: httpx.AsyncClient, proofs: Proofs, signin: SignIn) -> None:
        self.http = http
        self.proofs = proofs
        self._signin = signin

    async def headers(self, method: str, url: str) -> dict[str, str]:
        """`Authorization: DPoP …` and a fresh proof for one request to `url`."""
        token = await self._signin.access_token()
        return {"Authorization": f"DPoP {token}", "DPoP": self.proofs.proof(method, url, token)}

    async def request(
        self, method: str, url: str, body: Any | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The answer, if it is a success.

        Raises Refused with the server's problem, NotNow where it says to ask again later, Offline when it is not reached.
        """
        answer = await self._send(method, url, body, headers)
        if wants_nonce(answer):
            answer = await self._send(method, url, body, headers)
        if answer.is_success:
            return answer
        raise refusal_of(answer)

    async def _send(
        self, method: str, url: str, body: Any | None, extra: dict[str, str] | None
    ) -> httpx.Response:
        headers = {**await self.headers(method, url), **(extra or {})}
        try:
            answer = await self.http.request(method, url, json=body, headers=headers)
        except httpx.TransportError as error:
            raise Offline(f"{url} cannot be reached: {type(error).__name__}") from error
        self.proofs.learn(url, answer.headers)
        return answer


def wants_nonce(answer: httpx.Response) -> bool:
    """RFC 9449 §9: the resource server wants the proof made again with the nonce that it just gave."""
    return answer.status_code == 401 and "use_dpop_nonce" in answer.headers.get("www-authenticate", "")


def refusal_of(answer: httpx.Response) -> Refused | NotNow:
    """What an answer that is no success means for the desktop (RFC 9110 §10.2.3, RFC 6585 §4)."""
    status, problem = answer.status_code, problem_of(answer)
    if status not in NOT_NOW:
        return Refused(status, problem)
    wait = answer.headers.get("retry-after", "")
    after = max(float(wait), LEAST_WAIT_SECONDS) if wait.isdecimal() else USUAL_WAIT_SECONDS
    return NotNow(status, problem, after)


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {"code": "NOT_A_PROBLEM", "detail": answer.text[:200]}
    return problem if isinstance(problem, dict) else {"detail": problem}
