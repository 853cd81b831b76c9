"""`/livez`, `/readyz`, `/v1/about`: whether the process turns, whether it can work, what it is."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Response

Check = Callable[[], Awaitable[bool]]


class Health:
    """Named checks of dependencies, each with the age of its state; and details that parts tell of themselves."""

    def __init__(self, checks: dict[str, Check], details: dict[str, Callable[[], Any]] | None = None) -> None:
        self._checks = checks
        self._details = details or {}
        self._since: dict[str, tuple[bool, float]] = {}
        self.is_draining = False

    async def look(self) -> tuple[bool, dict[str, Any]]:
        """(ready, what to show)."""
        shown: dict[str, Any] = {}
        for name, check in self._checks.items():
            up = await check()
            was, since = self._since.get(name, (not up, 0.0))
            if was != up:
                since = time.monotonic()
            self._since[name] = (up, since)
            shown[name] = {"up": up, "for_seconds": round(time.monotonic() - since, 1)}
        ready = not self.is_draining and all(state["up"] for state in shown.values())
        details = {name: tell() for name, tell in self._details.items()}
        return ready, {"ready": ready, "draining": self.is_draining, "dependencies": shown, "parts": details}

    def router(self, service: str, version: str) -> APIRouter:
        routes = APIRouter(tags=["health"])

        @routes.get("/livez")
        async def livez() -> dict[str, str]:
            return {"status": "alive"}

        @routes.get(
            "/readyz", responses={503: {"description": "A dependency is down, or the process is draining"}}
        )
        async def readyz(response: Response) -> dict[str, Any]:
            ready, shown = await self.look()
            response.status_code = 200 if ready else 503
            return shown

        @routes.get("/v1/about")
        async def about() -> dict[str, Any]:
            return {"service": service, "version": version, "contracts": 1}

        return routes
