"""Composes the simulated vendor and answers its HTTP interface."""

import asyncio
import hmac
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from chassis.clock import Clock, SystemClock
from chassis.errors import DomainError, NotFound, Unauthorized
from chassis.health import Health
from chassis.http import create_api
from chassis.runtime import HttpServer, Service
from contracts.lock_actions import Answered, Command, LockId, Page
from products.locks.settings import Settings
from products.locks.state import State

How = Literal["well", "away", "refuse", "break", "break_after", "hang", "hang_after", "slow"]
"""Without acting: `away` answers 503, `refuse` 403, `break` 500, `hang` nothing. `break_after` and `hang_after` do the same
after they have acted; `slow` acts and answers late.
"""
SLOW_SECONDS = 1.0


class Away(DomainError):
    """It cannot work now, and does nothing."""

    code = "PRODUCT.AWAY"
    status = 503


class Refuses(DomainError):
    """It says no, and does nothing."""

    code = "PRODUCT.KEY_REFUSED"
    status = 403


class Broken(DomainError):
    """Something went wrong inside."""

    code = "CHASSIS.INTERNAL"
    status = 500


class FaultsIn(BaseModel):
    """How the next `times` commands go; how long what hangs does, in seconds."""

    model_config = ConfigDict(extra="forbid")

    how: How = "well"
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000_000
    seconds: Annotated[float, Field(ge=0, le=600)] = 60.0


class DirectIn(BaseModel):
    """A command that is given to a lock at the vendor's own console."""

    model_config = ConfigDict(extra="forbid")

    site: str
    property: str
    lock_id: LockId
    action: str


class Vendor:
    """Does what it is told, as well as it was told to."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self.faults = FaultsIn()
        self._left = 0

    def misbehave(self, faults: FaultsIn) -> None:
        self.faults, self._left = faults, faults.times

    def _next(self) -> How:
        self._left -= 1
        return self.faults.how if self._left >= 0 else "well"

    async def take(self, command: Command) -> Answered:
        self._state.note_arrival(command.key, self._clock.now())
        how = self._next()
        if how == "away":
            raise Away("not now")
        if how == "refuse":
            raise Refuses("no")
        if how == "break":
            raise Broken("it was lost")
        if how == "hang":
            await asyncio.sleep(self.faults.seconds)
            raise Broken("too late")
        answered = self._state.execute(command, self._clock.now())
        if how == "break_after":
            raise Broken("it was done")
        if how in {"slow", "hang_after"}:
            await asyncio.sleep(SLOW_SECONDS if how == "slow" else self.faults.seconds)
        return answered


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock, health = SystemClock(), Health({})
    state = State(settings.data / "lock_vendor.sqlite")
    vendor = Vendor(state, clock)
    app = create_api(
        service="lock_vendor",
        version="1",
        routers=[customers(vendor, state, settings.key.get_secret_value()), console(vendor, state, clock)],
        health=health,
        max_body_bytes=65_536,
        request_seconds=600.0,
    )
    server = HttpServer(app, settings.host, settings.port, grace=settings.drain_seconds)

    async def close() -> None:
        state.close()

    return Service("lock_vendor", health, [server], [], [], [close], settings.drain_seconds)


def customers(vendor: Vendor, state: State, key: str) -> APIRouter:
    """What is in `contracts.lock_actions`."""

    async def known(request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), key.encode()):
            raise Unauthorized("send the key that you were given")

    routes = APIRouter(prefix="/v1", dependencies=[Depends(known)])

    @routes.post("/commands")
    async def take(body: Command) -> Answered:
        return await vendor.take(body)

    @routes.get("/commands/{key}")
    async def ask(key: str) -> Answered:
        found = state.outcome(key)
        if found is None:
            raise NotFound("no command of this key has acted")
        return found

    @routes.get("/log")
    async def log(
        after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 200
    ) -> Page:
        return Page(lines=state.lines(after, limit))

    return routes


def console(vendor: Vendor, state: State, clock: Clock) -> APIRouter:
    """For tests and drills, without a key."""
    routes = APIRouter(prefix="/control")

    @routes.put("/faults")
    async def misbehave(body: FaultsIn) -> FaultsIn:
        vendor.misbehave(body)
        return body

    @routes.post("/commands", status_code=204)
    async def direct(body: DirectIn) -> None:
        """Behind everybody's back."""
        state.execute_without_key(body.site, body.property, body.lock_id, body.action, clock.now())

    return routes
