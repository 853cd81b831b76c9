"""Requests to one of several processes behind one public address, with a proof that the test holds in its hand."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, ORIGIN, Bff

SESSION = {"app_version": "1.2.3", "os": "Windows 11", "property": "harbour"}


@dataclass(frozen=True)
class Asked:
    """One request, exactly as it can be sent again and elsewhere."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None

    async def to(self, http: httpx.AsyncClient, bff: Bff) -> httpx.Response:
        """The answer of this process; what is not covered by the proof differs each time."""
        own = {"Idempotency-Key": uuid.uuid4().hex} if self.body is SESSION else {}
        url = f"{bff.api}{BASE}{self.path}"
        return await http.request(self.method, url, json=self.body, headers=self.headers | own)


async def learn(http: httpx.AsyncClient, desk: Desk, bff: Bff) -> None:
    """The nonce that all processes of this address take."""
    desk.nonces[ORIGIN] = (await http.get(f"{bff.api}/livez")).headers["dpop-nonce"]


def asked(desk: Desk, method: str, path: str, body: Any = None, **claims: object) -> Asked:
    token = desk.token()
    proof = desk.proof(method, f"{ORIGIN}{BASE}{path}", token, **claims)  # type: ignore[arg-type]
    return Asked(method, path, {"Authorization": f"DPoP {token}", "DPoP": proof}, body)


def is_replay(answer: httpx.Response) -> bool:
    """A refused replay, with the right challenge."""
    if answer.status_code != 401:
        return False
    told = answer.json()
    assert (told["code"], told["reason"]) == ("BFF.DPOP_INVALID", "replay"), told
    assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]
    return True
