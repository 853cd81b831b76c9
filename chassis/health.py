"""`/livez`, `/readyz`, `/v1/about`: whether the process turns, whether it can work, what it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import APIRouter, Response

from contracts.catalogue import EVENT_TYPES

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[bool]]
CHECK_SECONDS = 2.0


async def answer_of(name: str, check: Check) -> bool:
    """A dependency that hangs, or whose check breaks, is down; the probe itself always answers."""
    try:
        return await asyncio.wait_for(check(), CHECK_SECONDS)
    except TimeoutError:
        return False
    except Exception as error:  # noqa: BLE001  # whatever broke in a check, the answer is: down
        log.warning("health.check_failed", dependency=name, error=repr(error))
        return False


def contract_versions(service: str) -> dict[str, list[int]]:
    """The versions of each event that the service can say."""
    found: dict[str, list[int]] = {}
    for type_ in sorted(EVENT_TYPES):
        name, _, version = type_.rpartition(".v")
        if name.startswith(f"{service}."):
            found.setdefault(name, []).append(int(version))
    return found


class Health:
    """Named checks of dependencies, each with the age of its state; and details that parts tell of themselves."""

    def __init__(
        self,
        checks: dict[str, Check],
        details: dict[str, Callable[[], Any]] | None = None,
        build: str = "checkout",
    ) -> None:
        self._checks = dict(checks)
        self._build = build
        self._details = dict(details or {})
        self._since: dict[str, tuple[bool, float]] = {}
        self.is_draining = False

    def need(self, dependency: str, check: Check) -> None:
        """Not ready without it."""
        self._checks[dependency] = check

    def tell(self, part: str, told: Callable[[], Any]) -> None:
        """Show what a part tells of itself."""
        self._details[part] = told

    async def look(self) -> tuple[bool, dict[str, Any]]:
        """(ready, what to show)."""
        shown: dict[str, Any] = {}
        answers = await asyncio.gather(*(answer_of(name, check) for name, check in self._checks.items()))
        for name, up in zip(self._checks, answers, strict=True):
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
        contracts = contract_versions(service)

        @routes.get("/livez")
        async def livez() -> dict[str, str]:
            """The process turns. Asks nothing of its dependencies, so a restart never follows from theirs."""
            return {"status": "alive"}

        @routes.get(
            "/readyz", responses={503: {"description": "A dependency is down, or the process is draining"}}
        )
        async def readyz(response: Response) -> dict[str, Any]:
            """Whether it can work: each dependency with how long it has been so, and what the parts tell of themselves."""
            ready, shown = await self.look()
            response.status_code = 200 if ready else 503
            return shown

        @routes.get("/v1/about")
        async def about() -> dict[str, Any]:
            """Service, version, build, and which versions of each of its events it can say."""
            return {"service": service, "version": version, "build": self._build, "contracts": contracts}

        return routes
