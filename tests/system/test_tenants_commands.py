"""An operator's day at the command line, through the HTTP API of a running registry."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tenantry.demo.world import World
from tenantry.stack.folder import PRODUCTS
from tenantry.stack.stack import Stack
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]


@pytest.fixture
def tenant(live_stack: Path) -> tuple[str, str]:
    """(id, slug) of a tenant on trial."""

    async def make() -> tuple[str, str]:
        world = World(Stack(live_stack))
        made = await world.new_tenant("en")
        await world.close()
        return made.tenant_id, made.slug

    return asyncio.run(make())


def test_a_tenant_is_activated_cancelled_held_and_taken_back(shell: Shell, tenant: tuple[str, str]) -> None:
    tenant_id, slug = tenant
    foretold = shell.json("timeline", tenant_id)["future"]
    assert [step["action"] for step in foretold] == [
        "trial_warning", "trial_warning", "expire_trial", "archive", "delete",
    ]  # fmt: skip
    bought = ("--reference", "SO-7", "--plan", "starter", "--product", "notetaker")
    active = shell.json("tenants", "activate", tenant_id, *bought, "--contract-end", "2099-12-31")
    assert (active["status"], active["plan"], active["products"]) == ("active", "starter", ["notetaker"])
    reasons = ("--slug", slug, "--reason", "price")
    pending = shell.json("tenants", "cancel", tenant_id, *reasons, "--yes")
    assert (pending["status"], pending["cancel_at"][:10]) == ("active", "2100-01-01")
    assert shell.json("tenants", "withdraw", tenant_id)["cancel_at"] is None
    frozen = shell.json("tenants", "cancel", tenant_id, *reasons, "--effective", "now", "--yes")
    assert (frozen["status"], frozen["frozen_reason"]) == ("frozen", "cancelled")
    held = shell.json("tenants", "hold", tenant_id, "--reason", "lawsuit", "--days", "60")
    assert held["held_until"] is not None
    assert "held until" in shell.json("timeline", tenant_id)["future"][0]["cause"]
    assert shell.json("tenants", "release", tenant_id, "--yes")["held_until"] is None
    assert shell.json("tenants", "reactivate", tenant_id)["status"] == "active"
    past = [move["reason"] for move in shell.json("timeline", tenant_id)["past"]]
    assert past == ["sales_order", "cancelled", "reactivation"]


def test_refusals_name_the_place_and_the_cure(shell: Shell, tenant: tuple[str, str]) -> None:
    tenant_id, slug = tenant
    told = shell.refused("tenants", "reactivate", tenant_id)
    assert "REGISTRY.ILLEGAL_TRANSITION" in told
    assert "allowed are: payment, sales_order, trial_expired" in told
    bought = ("--reference", "SO-8", "--plan", "starter")
    assert "nonsense not in the catalogue" in shell.refused(
        "tenants", "activate", tenant_id, *bought, "--product", "nonsense"
    )
    assert "/plan" in shell.refused(
        "tenants", "activate", tenant_id, "--reference", "x", "--plan", "gold", "--product", "notetaker"
    )
    shell.json("tenants", "activate", tenant_id, *bought, "--product", "notetaker")
    wrong = ("--slug", "another", "--reason", "price", "--effective", "now", "--yes")
    assert "REGISTRY.SLUG_MISMATCH" in shell.refused("tenants", "cancel", tenant_id, *wrong)
    right = ("--slug", slug, "--reason", "price", "--effective", "now")
    assert shell.run("tenants", "cancel", tenant_id, *right, answers="n\n").returncode == 1
    assert shell.json("tenants", "show", tenant_id)["status"] == "active"


def test_entitlements_say_which_rule_decided(shell: Shell, tenant: tuple[str, str]) -> None:
    tenant_id, _ = tenant
    rules = {
        row["product"]: row["rule"] for row in shell.json("tenants", "entitlements", tenant_id)["products"]
    }
    assert {rules[product] for product in PRODUCTS} == {"granted by trial"}
    shell.json(
        "tenants", "activate", tenant_id, "--reference", "SO-9", "--plan", "starter", "--product", "notetaker"
    )
    rules = {
        row["product"]: row["rule"] for row in shell.json("tenants", "entitlements", tenant_id)["products"]
    }
    assert rules["notetaker"] == "granted by order"
    assert rules["ai_console"] == "taken away by trial"


def test_a_product_is_published_bettered_and_retired(shell: Shell, tmp_path: Path) -> None:
    manifest: dict[str, Any] = {
        "key": "night_audit",
        "version": "1.0.0",
        "name": {"en": "Night audit", "fr": "Clôture de nuit"},
        "description": {"en": "Closes the day", "fr": "Clôt la journée"},
        "frontend": {"type": "headless"},
        "plans": ["enterprise"],
        "actions": [{"key": "flush_queue"}],
    }
    file = tmp_path / "manifest.json"

    def publish(**changes: Any) -> tuple[str, ...]:
        file.write_text(json.dumps({**manifest, **changes}))
        return ("products", "publish", str(file))

    assert shell.json(*publish())["version"] == "1.0.0"
    assert shell.json(*publish())["version"] == "1.0.0"
    assert "a change needs a higher version" in shell.refused(*publish(plans=["starter", "enterprise"]))
    assert "actions: flush_queue is gone" in shell.refused(*publish(version="1.1.0", actions=[]))
    assert shell.json(*publish(version="2.0.0", actions=[]))["version"] == "2.0.0"
    assert "/frontend" in shell.refused(*publish(version="3.0.0", frontend={"type": "widget"}))
    shell.run("products", "retire", "night_audit", "--yes")
    listed = {row["key"]: row["status"] for row in shell.json("products", "list")}
    assert listed["night_audit"] == "retired"
