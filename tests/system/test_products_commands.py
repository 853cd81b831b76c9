"""The example products on a stack that is up: at the command line, in the catalogue, in the audit log."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tenantry.demo.world import World
from tenantry.stack.folder import PRODUCTS
from tenantry.stack.stack import Stack
from tests.infra import eventually
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]


@pytest.fixture
def stack(live_stack: Path) -> Stack:
    return Stack(live_stack)


async def new_tenant(stack: Stack) -> tuple[str, str]:
    world = World(stack)
    made = await world.new_tenant("en")
    await world.close()
    return made.tenant_id, made.slug


def behave(stack: Stack, key: str, how: str) -> None:
    url = f"{stack.url(key)}/control/behaviour"
    httpx.put(url, json={"how": how}, trust_env=False).raise_for_status()


def test_the_catalogue_names_the_addresses_and_each_product_keeps_the_contract(
    shell: Shell, stack: Stack
) -> None:
    listed = {row["key"]: row["manifest"].get("api_base") for row in shell.json("products", "list")}
    assert {key: listed[key] for key in PRODUCTS} == {key: stack.url(key) for key in PRODUCTS}
    for key in PRODUCTS:
        found = shell.json("products", "conformance", key, "--run")
        assert (found["verdict"], [one for one in found["findings"] if not one["held"]]) == ("conformant", [])


def test_a_liar_is_found_at_the_command_line(shell: Shell, stack: Stack) -> None:
    behave(stack, "notetaker", "lie")
    try:
        told = shell.run("products", "conformance", "notetaker", "--run")
        assert (told.returncode, "nonconformant" in told.stdout) == (1, True)
        assert "after the erasure it still holds" in " ".join(told.stdout.split())
    finally:
        behave(stack, "notetaker", "well")
    assert shell.json("products", "conformance", "notetaker", "--run")["verdict"] == "conformant"


async def test_an_action_is_asked_for_confirmed_done_and_in_the_audit_log(shell: Shell, stack: Stack) -> None:
    tenant_id, slug = await new_tenant(stack)
    act = ("products", "act", tenant_id, "ai_console")

    def run(*arguments: str, answers: str = "") -> Any:
        return shell.run(*arguments, answers=answers)

    done = await asyncio.to_thread(run, *act, "flush_queue")
    assert done.returncode == 0, done.stderr
    asked = await asyncio.to_thread(run, *act, "reset_state", answers="another\n")
    assert (asked.returncode, "cannot be taken back" in asked.stderr) == (1, True)
    assert "REGISTRY.SLUG_MISMATCH" in asked.stderr
    asked = await asyncio.to_thread(run, *act, "reset_state", answers=f"{slug}\n")
    assert asked.returncode == 0, asked.stderr
    assert "flush_queue, reset_state" in shell.refused(*act, "explode")
    listed = shell.json("products", "actions", tenant_id, "ai_console")
    assert [(row["action"], row["state"]) for row in listed] == [
        ("reset_state", "done"),
        ("flush_queue", "done"),
    ]
    world = World(stack)

    async def is_recorded() -> bool:
        page = await world.get("audit", f"/v1/tenants/{tenant_id}/audit/records", page_size=200)
        text = page.text
        kinds = ("requested", "completed")
        return all(text.count(f"registry.product_action.{kind}.v1") >= 2 for kind in kinds)

    await eventually(is_recorded, what="both actions in the audit log")
    await world.close()


async def test_work_of_a_customer_is_in_the_tenants_usage(stack: Stack) -> None:
    tenant_id, _ = await new_tenant(stack)
    world = World(stack)
    body = {"name": "Work", "product": "notetaker", "scopes": ["write"]}
    key = (await world.post("registry", f"/v1/tenants/{tenant_id}/api-keys", body))["key"]
    sent = {"work_id": str(uuid4()), "text": "Check-in at three", "quantity": 7}
    for _ in range(2):
        answer = await world.http.post(
            f"{stack.url('notetaker')}/v1/work", json=sent, headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 201, answer.text

    async def is_counted() -> bool:
        found = (await world.get("registry", f"/v1/tenants/{tenant_id}/usage")).json()["usage"]
        return [(row["product_key"], row["metric"], row["quantity"]) for row in found] == [
            ("notetaker", "minutes", 7)
        ]

    await eventually(is_counted, what="the usage")
    await world.close()


def test_status_shows_a_product_that_is_down_or_up(shell: Shell) -> None:
    rows = {row["process"]: row["state"] for row in shell.json("status")}
    assert {key: rows[key] for key in PRODUCTS} == dict.fromkeys(PRODUCTS, "ready")
