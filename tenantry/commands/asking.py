"""What the operator's commands ask of a service's HTTP API, as an operator would from elsewhere."""

import uuid
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer

from chassis.outgoing import http_client
from tenantry.commands import running
from tenantry.stack.errors import StackError

REGISTRY = "registry"
AUDIT = "audit"
TOKEN_SECONDS = 300
MOST = 10_000
"""So many rows a list shows at the utmost."""
TenantId = Annotated[UUID, typer.Argument(help="Id of the tenant.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


class Operator:
    """Calls one service as PLATFORM_ADMIN of this name; a refusal is told with its code and every fault."""

    def __init__(self, service: str, subject: str = "operator", *, language: str = "en") -> None:
        self._stack = running.stack()
        self._service = service
        self._subject = subject
        self._language = language

    async def get(self, path: str, **parameters: Any) -> Any:
        return (await self._call("GET", path, params=given(parameters))).json()

    async def post(self, path: str, body: Any, **parameters: Any) -> Any:
        """What changes nothing and still needs a body."""
        return (await self._call("POST", path, json=body, params=given(parameters))).json()

    async def change(
        self, method: str, path: str, body: Any | None = None, *, of: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """One change under a key of its own; `of` is what is changed: its ETag is read first and must still hold."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        if of is not None:
            seen = {name: value for name, value in parameters.items() if name == "tenant_id"}
            headers["If-Match"] = (await self._call("GET", of, params=given(seen))).headers["etag"]
        answer = await self._call(method, path, json=body, headers=headers, params=given(parameters))
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    async def pages(self, path: str, name: str, most: int, **parameters: Any) -> list[dict[str, Any]]:
        """The items of all pages, `most` at the utmost."""
        found: list[dict[str, Any]] = []
        token: str | None = None
        while len(found) < most:
            page = await self.get(path, page_token=token, page_size=min(200, most), **parameters)
            found += page[name]
            token = page["next_page_token"]
            if token is None:
                break
        return found[:most]

    async def _call(self, method: str, path: str, **request: Any) -> httpx.Response:
        token = await running.operator_token(self._stack, "PLATFORM_ADMIN", TOKEN_SECONDS, self._subject)
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept-Language": self._language,
            **request.pop("headers", {}),
        }
        url = f"{self._stack.url(self._service)}{path}"
        try:
            async with http_client(timeout=30) as http:
                answer = await http.request(method, url, headers=headers, **request)
        except httpx.HTTPError as error:
            raise StackError(f"{self._service} cannot be reached: {error!r}; {running.HINT}") from error
        if not answer.is_success:
            raise StackError(refusal(answer))
        return answer


def of(tenant: UUID) -> str:
    """The path of a tenant."""
    return f"/v1/tenants/{tenant}"


def given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def refusal(answer: httpx.Response) -> str:
    """The problem in one line, with what would help."""
    try:
        problem = answer.json()
    except ValueError:
        return f"{answer.status_code}: {answer.text[:300]}"
    helps = [
        f"{fault.get('pointer') or fault.get('parameter') or fault.get('header')}: {fault['detail']}"
        for fault in problem.get("errors", [])
    ]
    if allowed := problem.get("allowed_transitions"):
        helps.append(f"allowed are: {', '.join(allowed)}")
    return "; ".join([f"{problem.get('code')}: {problem.get('detail')}", *helps])


def confirm(question: str, *, yes: bool) -> None:
    """Ends the command unless somebody agrees; asks on standard error, for the output may go to a script."""
    if not yes:
        typer.confirm(question, abort=True, err=True)
