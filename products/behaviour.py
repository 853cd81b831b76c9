"""How a product behaves: well, or as badly as a test or a drill wants it to. Only in local mode.

`fail` answers 503 and does nothing; `slow` does what it was asked and answers late; `lie` says that it has erased and keeps
everything; `miscount` erases and says other numbers.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

How = Literal["well", "fail", "slow", "lie", "miscount"]
UNTOUCHED = ("/control/", "/livez", "/readyz")


@dataclass(slots=True)
class Behaviour:
    """What is in force now."""

    how: How = "well"
    seconds: float = 10.0


class BehaviourIn(BaseModel):
    """What is to be in force; `seconds` is how late a slow one answers."""

    model_config = ConfigDict(extra="forbid")

    how: How
    seconds: Annotated[float, Field(ge=0, le=60)] = 10.0


def control(behaviour: Behaviour) -> APIRouter:
    """Not there at all outside local mode."""
    routes = APIRouter(prefix="/control", tags=["control"])

    @routes.put("/behaviour")
    async def change(body: BehaviourIn) -> BehaviourIn:
        behaviour.how, behaviour.seconds = body.how, body.seconds
        return body

    return routes


class Misbehaving:
    """Pure ASGI around the whole application."""

    def __init__(self, inner: ASGIApp, behaviour: Behaviour) -> None:
        self._inner = inner
        self._behaviour = behaviour

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNTOUCHED):
            await self._inner(scope, receive, send)
        elif self._behaviour.how == "fail":
            problem = {
                "type": "about:blank",
                "title": "Told to fail",
                "status": 503,
                "detail": "as it was told",
            }
            await Response(orjson.dumps(problem), 503, None, "application/problem+json")(scope, receive, send)
        else:
            await self._inner(scope, receive, self._late(send) if self._behaviour.how == "slow" else send)

    def _late(self, send: Send) -> Send:
        async def late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self._behaviour.seconds)
            await send(message)

        return late
