"""Calls of an operator to the registry: the answer, or its problem as the end of the command."""

import uuid
from typing import Any

import httpx

from tenantry.commands import running
from tenantry.stack.errors import StackError


class Registry:
    """The registry of the stack in the data folder, as PLATFORM_ADMIN."""

    def __init__(self) -> None:
        self._stack = running.stack()
        self._token = ""

    async def get(self, path: str, query: dict[str, Any]) -> httpx.Response:
        """Raises StackError with the problem."""
        return await self.send("GET", path, query)

    async def change(self, method: str, path: str, query: dict[str, Any], body: Any = None) -> dict[str, Any]:
        """A change of what is there now: read first, so that a change of somebody else's meanwhile is not lost."""
        seen = {name: value for name, value in query.items() if name == "tenant_id"}
        match = (await self.get(path, seen)).headers["ETag"]
        headers = {"If-Match": match, "Idempotency-Key": str(uuid.uuid4())}
        told: dict[str, Any] = (await self.send(method, path, query, body, headers)).json()
        return told

    async def send(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Raises StackError with the problem."""
        if not self._token:
            self._token = await running.operator_token(self._stack, "PLATFORM_ADMIN", 300)
        sent = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        given = {name: value for name, value in query.items() if value is not None}
        try:
            async with httpx.AsyncClient(
                base_url=self._stack.url("registry"), trust_env=False, timeout=10
            ) as http:
                answer = await http.request(method, path, params=given, json=body, headers=sent)
        except httpx.HTTPError as error:
            raise StackError(f"the registry cannot be reached: {error!r}; {running.HINT}") from error
        if not answer.is_success:
            raise StackError(problem_in(answer))
        return answer


def problem_in(answer: httpx.Response) -> str:
    """What the problem says, and each fault with its place."""
    try:
        told = answer.json()
    except ValueError:
        return f"the registry answered {answer.status_code}"
    places = ("pointer", "parameter", "header")
    faults = [
        f"  {next((fault[place] for place in places if place in fault), '')}: {fault['detail']}"
        for fault in told.get("errors", [])
    ]
    cure = [f"  {told['fix']}"] if "fix" in told else []
    return "\n".join([f"{told['code']}: {told['detail']}", *faults, *cure])
