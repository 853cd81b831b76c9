"""Lock actions over the whole way: who may ask, what becomes of it, and that no command leaves without a receipt."""

import httpx

from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import Bff
from tests.integration.locks.town import Town, ask


async def test_an_action_is_proven_sent_and_told(
    town: Town, well: Bff, desk: Desk, http: httpx.AsyncClient
) -> None:
    answer = await ask(http, well, desk)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["state"], told["lock_id"], told["action"]) == ("pending", "room-1", "unlock")
    row = await town.check(told["action_id"])
    assert row["state"] == "success"
    shown = await desk.send(http, "GET", f"{well.api}{answer.headers['location']}")
    assert (shown.json()["state"], shown.json()["leaf_index"]) == ("success", row["leaf_index"])
    [line] = await town.lines(told["action_id"])
    assert (line["site"], line["property"]) == (str(desk.tenant_id), "harbour")
