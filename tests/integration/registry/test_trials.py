"""Trials that people start themselves: nothing exists before the link is used, and the link works once."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.registry.errors import IllegalTransition
from services.registry.identity import IdentityUnavailable
from services.registry.tenants import operations as tenants
from services.registry.trials import operations as trials
from services.registry.trials.operations import slug_of
from services.registry.trials.upkeep import TrialUpkeep
from tests.infra import eventually
from tests.integration.registry.desk import LINKS, Desk, desk_of
from tests.integration.registry.life import DAY, LADDER, Life

ASKED = {
    "email": "Owner@Hotel.Example",
    "company": "Hôtel du Lac & Fils",
    "products": ["notetaker"],
    "locale": "fr",
}


@pytest.fixture
async def desk(life: Life, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_of(life, tmp_path, trial_rate=100.0) as found:
        yield found


async def ask(desk: Desk, **changed: Any) -> httpx.Response:
    return await desk.http.post("/v1/trials", json={**ASKED, **changed})


async def token_of(desk: Desk) -> str:
    """As it comes by mail: the newest trial's link, from the directory."""
    trial_id = await desk.life.admin.fetchval(
        "select trial_id from registry.trial order by trial_id desc limit 1"
    )
    answer = await desk.get(f"/internal/v1/directory/trials/{trial_id}/recipients", desk.service())
    return str(answer.json()["data"]["link"]).partition("#token=")[2]


async def use(desk: Desk, token: str) -> httpx.Response:
    return await desk.http.post("/v1/trials/verification", json={"token": token})


async def count(desk: Desk, table: str) -> int:
    return int(await desk.life.admin.fetchval(f"select count(*) from registry.{table}"))  # noqa: S608  # of the tests


async def test_nothing_exists_before_the_link_is_used_and_then_a_trial_does(desk: Desk) -> None:
    assert (await ask(desk)).status_code == 202
    assert [await count(desk, table) for table in ("tenant", "member", "tenant_product")] == [0, 0, 0]
    assert desk.people.members == {}
    made = await use(desk, await token_of(desk))
    assert made.status_code == 201, made.text
    tenant_id = UUID(made.json()["tenant_id"])
    assert (made.json()["slug"], made.json()["status"]) == ("hotel-du-lac-fils", "trial")
    assert await desk.life.verbs(tenant_id) == [
        "trial.requested", "tenant.created", "tenant.trial_started", "member.joined",
    ]  # fmt: skip
    member = await desk.life.admin.fetchrow("select * from registry.member")
    assert member is not None
    assert (member["email"], member["locale"], member["org_roles"]) == (
        "owner@hotel.example",
        "fr",
        ["IT_ADMIN"],
    )
    desk.life.clock.advance(14 * DAY)
    await desk.life.run_due()
    assert await desk.life.status(tenant_id) == "frozen"


async def test_a_link_works_once(desk: Desk) -> None:
    await ask(desk)
    token = await token_of(desk)
    assert (await use(desk, token)).status_code == 201
    again = await use(desk, token)
    assert (again.status_code, again.json()["code"]) == (409, "REGISTRY.TRIAL_LINK_USED")
    assert await count(desk, "tenant") == 1


async def test_a_link_that_is_used_many_times_at_the_same_moment_makes_one_tenant(desk: Desk) -> None:
    await ask(desk)
    token = await token_of(desk)
    answers = await asyncio.gather(*(use(desk, token) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert (await count(desk, "tenant"), await count(desk, "member")) == (1, 1)


async def test_a_link_that_is_too_old_or_never_was_makes_nothing(desk: Desk) -> None:
    await ask(desk)
    token = await token_of(desk)
    for wrong in ("x", token[:-1], token + "A", LINKS.token(UUID(int=1))):
        answer = await use(desk, wrong)
        assert (answer.status_code, answer.json()["code"]) == (404, "REGISTRY.TRIAL_LINK_INVALID")
    desk.life.clock.advance(timedelta(hours=24))
    answer = await use(desk, token)
    assert (answer.status_code, answer.json()["code"]) == (410, "REGISTRY.TRIAL_LINK_EXPIRED")
    assert (await count(desk, "tenant"), desk.people.members) == (0, {})


async def test_after_a_crash_in_the_middle_the_link_still_works(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(desk)
    token = await token_of(desk)

    async def cut(*_: object, **__: object) -> None:
        raise IdentityUnavailable("the line is cut")

    for place, name in ((tenants, "start_trial"), (trials, "use")):
        monkeypatch.setattr(place, name, cut)
        assert (await use(desk, token)).status_code == 503
        monkeypatch.undo()
        assert await count(desk, "tenant") == 0
    assert len(desk.people.members) == 1, "what was made elsewhere is found again"
    assert (await use(desk, token)).status_code == 201
    assert (len(desk.people.members), await count(desk, "member")) == (1, 1)


async def test_an_address_that_is_known_gets_the_same_answer_and_no_second_tenant(desk: Desk) -> None:
    await ask(desk)
    await use(desk, await token_of(desk))
    known, unknown = await ask(desk), await ask(desk, email="new@hotel.example")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert {**known.headers, "x-request-id": "", "x-correlation-id": ""}.keys() == {
        **unknown.headers, "x-request-id": "", "x-correlation-id": "",
    }.keys()  # fmt: skip
    assert await count(desk, "trial") == 3, "the same is done for both"
    trial_id = await desk.life.admin.fetchval(
        "select trial_id from registry.trial where email = 'owner@hotel.example' and used_at is null"
    )
    answer = await use(desk, LINKS.token(trial_id))
    assert (answer.status_code, answer.json()["code"]) == (409, "REGISTRY.ADDRESS_TAKEN")
    assert await count(desk, "tenant") == 1


async def test_two_companies_of_one_name_get_slugs_of_their_own(desk: Desk) -> None:
    slugs = set()
    for number in range(4):
        await ask(desk, email=f"o{number}@hotel.example")
        made = await use(desk, await token_of(desk))
        assert made.status_code == 201, made.text
        slugs.add(made.json()["slug"])
    assert len(slugs) == 4
    assert all(slug.startswith("hotel-du-lac-fils") for slug in slugs)


async def test_companies_of_one_name_that_start_at_the_same_moment_both_get_in(desk: Desk) -> None:
    tokens = []
    for number in range(4):
        await ask(desk, email=f"o{number}@hotel.example")
        tokens.append(await token_of(desk))
    answers = await asyncio.gather(*(use(desk, token) for token in tokens))
    assert [answer.status_code for answer in answers] == [201] * 4, [answer.text for answer in answers]


@pytest.mark.parametrize(
    "company", ["Hôtel du Lac", "日本", "-", "A", "Ü", "demo", "x" * 200, "a_b.c", "'; drop"]
)
def test_a_slug_can_be_made_of_any_name(company: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,62}", slug_of(company) + "-abcd")
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,62}", slug_of(company))


async def test_neither_address_nor_secret_is_said_or_kept(desk: Desk) -> None:
    await ask(desk)
    token = await token_of(desk)
    rows = await desk.life.admin.fetch("select headers, payload from registry.outbox")
    said = b"".join(bytes(row["headers"]) + bytes(row["payload"]) for row in rows).decode().lower()
    kept = str([dict(row) for row in await desk.life.admin.fetch("select * from registry.trial")])
    assert "trial_id" in said
    assert "hotel" not in said
    assert token.lower() not in said
    assert token not in kept


async def test_only_the_notifier_gets_the_link(desk: Desk) -> None:
    await ask(desk)
    trial_id = await desk.life.admin.fetchval("select trial_id from registry.trial")
    path = f"/internal/v1/directory/trials/{trial_id}/recipients"
    for who in (desk.operator(), desk.service("bff"), desk.service("audit"), desk.member(UUID(int=1))):
        assert (await desk.get(path, who)).status_code == 403
    found = (await desk.get(path, desk.service())).json()
    assert [(one["email"], one["locale"]) for one in found["recipients"]] == [("owner@hotel.example", "fr")]
    await use(desk, await token_of(desk))
    assert (await desk.get(path, desk.service())).json() == {"recipients": [], "data": {}}


async def test_nobody_floods_a_mailbox_or_the_table(life: Life, tmp_path: Path) -> None:
    async with desk_of(life, tmp_path, trial_rate=100.0, trial_open_most=5) as desk:
        assert {(await ask(desk)).status_code for _ in range(10)} == {202}
        assert await count(desk, "trial") == 3
        found = [(await ask(desk, email=f"o{number}@hotel.example")).status_code for number in range(4)]
        assert found == [202, 202, 429, 429]
    async with desk_of(life, tmp_path, trial_rate=0.1) as desk:
        answers = [await use(desk, "x") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [404, 429, 429]
        assert answers[-1].headers["Retry-After"] == "1"


async def test_who_never_came_is_forgotten(desk: Desk) -> None:
    await ask(desk)
    desk.life.clock.advance(7 * DAY)
    async with desk.life.database.worker() as tx:
        await trials.forget(tx, desk.life.clock.now())
    assert await count(desk, "trial") == 1
    desk.life.clock.advance(2 * DAY)
    upkeep = asyncio.create_task(TrialUpkeep(desk.life.database, desk.life.clock, every=0.01).run())

    async def is_forgotten() -> bool:
        return await count(desk, "trial") == 0

    await eventually(is_forgotten)
    upkeep.cancel()


async def test_an_unknown_product_is_refused(desk: Desk) -> None:
    answer = await ask(desk, products=["nothing"])
    assert (answer.status_code, answer.json()["code"]) == (422, "REGISTRY.PRODUCT_UNKNOWN")


async def test_the_tenant_is_like_one_that_an_operator_made(desk: Desk) -> None:
    await ask(desk)
    made = UUID((await use(desk, await token_of(desk))).json()["tenant_id"])
    other = await desk.life.new_trial()
    for tenant_id in (made, other):
        found = [action for _, action in await planned(desk.life, tenant_id)]
        assert found == ["trial_warning", "trial_warning", "expire_trial"]
    with pytest.raises(IllegalTransition):
        await desk.life.freeze(made)


async def planned(life: Life, tenant_id: UUID) -> list[tuple[Any, str]]:
    rows = await life.admin.fetch(
        "select due_at, action from registry.due_action where tenant_id = $1 order by due_at", tenant_id
    )
    assert LADDER.trial == 14
    return [(row["due_at"], row["action"]) for row in rows]
