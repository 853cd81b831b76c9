"""Nonces: with every answer, one challenge for who behaves, the same ones for all processes behind one address."""

import uuid

import httpx
import pytest

from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, ORIGIN, STREAM, TWIN, Bff, Stage
from tests.integration.bff.test_sessions import open_session
from tests.integration.bff.twin_requests import asked, learn

GOOD = f"{BASE}/sessions"


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/livez", None, {}, 200),
        ("GET", "/nowhere", None, {}, 404),
        ("PUT", GOOD, None, {}, 405),
        ("POST", GOOD, b"{", {"content-type": "application/json"}, 400),
        ("GET", f"{BASE}/bootstrap?a=%00", None, {}, 400),
        ("GET", f"{BASE}/bootstrap", None, {}, 401),
    ],
)
async def test_every_answer_of_the_api_carries_a_nonce_that_no_cache_keeps(
    large: Bff,
    http: httpx.AsyncClient,
    new_desk: NewDesk,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
    status: int,
) -> None:
    answer = await http.request(method, f"{large.api}{path}", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers.get_list("cache-control") == ["no-store"]
    [nonce] = answer.headers.get_list("dpop-nonce")
    desk = await new_desk(nonces={large.api: nonce})
    assert (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).status_code == 200


async def test_answers_to_who_came_in_carry_one_too(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    answers = [
        await open_session(large, http, desk),
        await open_session(large, http, desk, property="elsewhere"),
        await open_session(large, http, desk, os=""),
        await desk.send(http, "DELETE", f"{large.api}{GOOD}/{uuid.uuid4()}"),
        await desk.send(http, "POST", f"{large.api}{BASE}/sync/pull", {}),
    ]
    assert [answer.status_code for answer in answers] == [201, 403, 422, 404, 503]
    assert all(len(answer.headers.get_list("dpop-nonce")) == 1 for answer in answers)


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), (STREAM, 401), ("/livez", 200)])
async def test_every_answer_of_the_stream_listener_carries_one(
    large: Bff, http: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await http.get(f"{large.stream}{path}")
    assert answer.status_code == status
    assert len(answer.headers.get_list("dpop-nonce")) == 1


class WellBehaved:
    """Keeps the last nonce of its origin, tries once more when it is asked to, and counts how often it was."""

    def __init__(self, desk: Desk, http: httpx.AsyncClient) -> None:
        self.desk = desk
        self.asked_again = 0
        self._http = http

    async def read(self, bff: Bff) -> int:
        for _ in range(2):
            answer = await asked(self.desk, "GET", "/bootstrap").to(self._http, bff)
            self.desk.nonces[ORIGIN] = answer.headers["dpop-nonce"]
            if "use_dpop_nonce" not in answer.headers.get("www-authenticate", ""):
                return answer.status_code
            self.asked_again += 1
        return answer.status_code


async def test_who_behaves_is_asked_once_whichever_process_answers(
    twins: tuple[Bff, Bff], http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    client = WellBehaved(await new_desk(), http)
    # The one that was started last: what the other gave before that is not good there.
    assert [await client.read(twins[(number + 1) % 2]) for number in range(40)] == [200] * 40
    assert client.asked_again == 1


async def test_a_process_that_starts_demands_a_nonce_from_after_its_start(
    twins: tuple[Bff, Bff], stage: Stage, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    await learn(http, desk, twins[0])
    young = await stage.start_bff("young", stage.registry_url, TWIN)
    answer = await asked(desk, "GET", "/bootstrap").to(http, young)
    assert answer.status_code == 401
    assert 'error="use_dpop_nonce"' in answer.headers["www-authenticate"]
    desk.nonces[ORIGIN] = answer.headers["dpop-nonce"]
    for bff in (young, *twins):
        assert (await asked(desk, "GET", "/bootstrap").to(http, bff)).status_code == 200
    young.process.end()
