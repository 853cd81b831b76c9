"""The vendor of the locks: what we need of one, and the adapter that speaks to it over HTTP.

The protocol is `contracts.lock_actions`. The address is set by operators, never taken from a request or an answer: no
redirects, no proxies of the environment, limited time and size.
"""

import asyncio
from typing import Any, Protocol, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from chassis.errors import Transient
from chassis.outgoing import http_client
from contracts.lock_actions import Answered, Command, Page

MOST_BYTES = 1_048_576
M = TypeVar("M", bound=BaseModel)


class VendorError(Transient):
    """The vendor did not do what it was asked, or did not say so; see the three below."""


class VendorUnreachable(VendorError):
    """Nothing was done: no connection came about, or the vendor says that it cannot work now (503)."""


class VendorRefused(VendorError):
    """Nothing was done: the vendor says no (4xx)."""


class VendorUnclear(VendorError):
    """Whether anything was done is not known."""


class Vendor(Protocol):
    """All three raise VendorError."""

    name: str

    async def send(self, command: Command) -> Answered:
        """Acts once per key, and not after the command's expiry."""

    async def ask(self, key: str) -> Answered | None:
        """What became of the command of this key; None: it never arrived."""

    async def lines(self, after: int, most: int) -> Page:
        """What locks were told, whoever told them, behind line `after`."""


class HttpVendor:
    """Speaks to a vendor, or to a gateway before one; `key` proves who we are."""

    def __init__(self, name: str, base_url: str, key: str, *, seconds: float) -> None:
        self.name = name
        self._seconds = seconds
        self._http = http_client(
            base_url=base_url.rstrip("/"),
            timeout=seconds,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "Authorization": f"Bearer {key}"},
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, command: Command) -> Answered:
        answer = await self._call("POST", "/v1/commands", json=command.model_dump(mode="json"))
        return self._about(command.key, self._read(answer, Answered))

    async def ask(self, key: str) -> Answered | None:
        try:
            answer = await self._call("GET", f"/v1/commands/{key}")
        except VendorRefused as refused:
            if refused.args[1:] == (httpx.codes.NOT_FOUND,):
                return None
            raise
        return self._about(key, self._read(answer, Answered))

    async def lines(self, after: int, most: int) -> Page:
        answer = await self._call("GET", "/v1/log", params={"after": after, "limit": most})
        return self._read(answer, Page)

    def _about(self, key: str, said: Answered) -> Answered:
        if said.key != key:
            raise VendorUnclear(f"{self.name} answered for another command")
        return said

    def _read(self, body: bytes, model: type[M]) -> M:
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            raise VendorUnclear(f"{self.name}: {model.__name__} cannot be read") from error

    async def _call(self, method: str, path: str, **asked: Any) -> bytes:
        status, body = await self._answer(method, path, **asked)
        if status == httpx.codes.SERVICE_UNAVAILABLE:
            raise VendorUnreachable(f"{self.name} answered 503")
        if 400 <= status < 500:
            raise VendorRefused(f"{self.name} refused: {status}", status)
        if not 200 <= status < 300:
            raise VendorUnclear(f"{self.name} answered {status}")
        return body

    async def _answer(self, method: str, path: str, **asked: Any) -> tuple[int, bytes]:
        """(status, body). The limit of time holds for all of it, so that no trickle keeps anybody waiting."""
        try:
            async with asyncio.timeout(self._seconds), self._http.stream(method, path, **asked) as answer:
                body = bytearray()
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise VendorUnclear(f"{self.name} answered more than {MOST_BYTES} bytes")
                return answer.status_code, bytes(body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise VendorUnreachable(f"{self.name} cannot be reached: {type(error).__name__}") from error
        except TimeoutError as error:
            raise VendorUnclear(f"{self.name} gave no answer within {self._seconds:g} s") from error
        except httpx.HTTPError as error:
            raise VendorUnclear(f"{self.name} broke off: {type(error).__name__}") from error
