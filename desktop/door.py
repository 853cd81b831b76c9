"""One request to Tenantry: token, proof, nonce and clock taken care of."""

from typing import Any

import httpx

from desktop.errors import Offline, Refused
from desktop.proofs import Proofs
from desktop.signin import SignIn


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
        """The answer, if it is a success. Raises Refused with the server's problem, Offline when it cannot be reached."""
        answer = await self._send(method, url, body, headers)
        if wants_nonce(answer):
            answer = await self._send(method, url, body, headers)
        if answer.is_success:
            return answer
        raise Refused(answer.status_code, problem_of(answer))

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


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {"code": "NOT_A_PROBLEM", "detail": answer.text[:200]}
    return problem if isinstance(problem, dict) else {"detail": problem}
