"""From the registry to an open desktop over real processes: a changed scope, a deactivated member, within a second."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from desktop.client import Desktop
from desktop.errors import Refused, SignInRequired
from tenantry.demo.world import PROPERTY, Person, Tenant, World
from tenantry.stack.stack import Stack
from tests.infra import eventually

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]
SOON = 1.0


@dataclass
class Seat:
    """A member at its desktop, online; what the stream told it."""

    world: World
    tenant: Tenant
    person: Person
    desktop: Desktop
    control: list[dict[str, Any]] = field(default_factory=list)

    async def sit_down(self) -> None:
        stream = self.desktop.go_online(lambda _: None, self.control.append)
        await asyncio.wait_for(stream.opened.wait(), 20)

    async def move_to(self, property_: str) -> None:
        """Another session, with a stream of its own."""
        await self.desktop.go_offline()
        await self.desktop.open_session(os="Ubuntu 24.04", property_=property_)
        self.control.clear()
        await self.sit_down()

    async def change(self, method: str, path: str, body: Any = None) -> float:
        """As the operator, of the member as it is now; answers when it was taken."""
        member = f"/v1/tenants/{self.tenant.tenant_id}/members/{self.person.member_id}"
        seen = await self.world.get("registry", member)
        headers = {**await self.world.operator(), "If-Match": seen.headers["etag"]}
        url = f"{self.world.stack.url('registry')}{member}{path}"
        answer = await self.world.http.request(method, url, json=body, headers=headers)
        assert answer.is_success, answer.text
        return time.monotonic()

    async def told(self, word: str, since: float) -> float:
        """Milliseconds from the change until the stream was ended with this word."""
        await eventually(lambda: word in [one["type"] for one in self.control], SOON, word)
        return (time.monotonic() - since) * 1000


@pytest.fixture
async def seat(live_stack: Path, tmp_path: Path) -> AsyncIterator[Seat]:
    world = World(Stack(live_stack))
    tenant = await world.new_tenant("en")
    await world.post(
        "registry", f"/v1/tenants/{tenant.tenant_id}/properties", {"code": "airport", "name": "Airport"}
    )
    person = await world.new_person(tenant, "front.desk", "front_desk")
    desktop = await world.new_desktop(tmp_path / "desktop", person, "Ubuntu 24.04")
    found = Seat(world, tenant, person, desktop)
    await found.sit_down()
    yield found
    await desktop.close()
    await world.close()


def claims_of(token: str) -> dict[str, Any]:
    """Of a token that was just received; its signature is others' matter."""
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


async def test_a_changed_scope_reaches_the_desktop_and_what_it_may_within_a_second(seat: Seat) -> None:
    desktop = seat.desktop
    changed = await seat.change("PUT", "/scopes/airport", {"backoffice_roles": ["maintenance"]})
    took = [await seat.told("resync", changed)]
    told = (await desktop.sessions.bootstrap())["member"]
    assert told["properties"] == ["airport", PROPERTY]
    assert told["backoffice_roles"] == ["front_desk", "maintenance"]
    assert desktop.stream is not None
    await asyncio.wait_for(desktop.stream.opened.wait(), 20)
    await seat.move_to("airport")
    changed = await seat.change("DELETE", "/scopes/airport")
    took.append(await seat.told("resync", changed))
    with pytest.raises(Refused) as refused:
        await desktop.open_session(os="Ubuntu 24.04", property_="airport")
    assert refused.value.problem["code"] == "BFF.PROPERTY_OUT_OF_SCOPE"

    async def says_the_token() -> bool:
        claims = claims_of((await desktop.signin.renew()).access_token)
        return (claims["properties"], claims["backoffice_roles"]) == ([PROPERTY], ["front_desk"])

    await eventually(says_the_token, 5, "a token that says the scope")
    print(f"a changed scope ended the stream after {[round(one) for one in took]} ms")  # noqa: T201


async def test_the_same_scope_again_ends_no_stream(seat: Seat) -> None:
    for _ in range(2):
        await seat.change("PUT", f"/scopes/{PROPERTY}", {"backoffice_roles": ["front_desk"]})
    changed = await seat.change("PUT", f"/scopes/{PROPERTY}", {"backoffice_roles": []})
    await seat.told("resync", changed)
    about_others = {"bye", "locks.halted"}  # the stack is shared, and a halt is everybody's
    assert [one["type"] for one in seat.control if one["type"] not in about_others] == ["resync"]


async def test_a_deactivated_member_is_out_within_a_second(seat: Seat) -> None:
    desktop = seat.desktop
    changed = await seat.change("DELETE", "")
    took = await seat.told("session.revoked", changed)
    with pytest.raises(Refused) as refused:
        await desktop.sessions.bootstrap()
    assert (refused.value.status, refused.value.problem["code"]) == (403, "BFF.MEMBER_DEACTIVATED")
    assert desktop.session is not None
    with pytest.raises(Refused) as refused:
        await desktop.sessions.heartbeat(desktop.session, {"app_version": "1.0.0"})
    assert refused.value.problem["code"] == "BFF.MEMBER_DEACTIVATED"

    async def gets_no_token() -> bool:
        try:
            await desktop.signin.renew()
        except SignInRequired:
            return True
        return False

    await eventually(gets_no_token, 5, "no more tokens")
    print(f"a deactivated member's stream ended after {took:.0f} ms")  # noqa: T201
