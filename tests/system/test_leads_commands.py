"""Leads, a trial that somebody starts, and the demo tenant, on a whole running stack and from its command line."""

import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.capabilities import DEMO_TENANT_ID
from tenantry.issuer.signing import Signer
from tenantry.stack.stack import Stack
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]


def eventually(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if (value := found()) is not None:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come true")


def mail_to(folder: Path, address: str) -> str | None:
    for path in (folder / "mail").glob("*.eml"):
        text = path.read_text()
        if f"To: {address}" in text:
            return text.replace("=\n", "").replace("=3D", "=")
    return None


def as_representative(folder: Path) -> dict[str, str]:
    """One with an address, which a token of the command line has not."""
    signer = Signer.kept_in(folder / "issuer" / "issuer.sqlite", Stack(folder).url("issuer"))
    claims = {
        "sub": "rep-1",
        "email": "rep@a.example",
        "aud": ["registry"],
        "realm_access": {"roles": ["SALES_REP"]},
    }
    return {"Authorization": f"Bearer {signer.sign(claims, time.time(), 300)}"}


def test_a_prospect_becomes_a_lead_a_mail_and_a_document_of_the_crm(shell: Shell, live_stack: Path) -> None:
    address = f"buyer-{uuid.uuid4().hex[:8]}@a.example"
    asked = httpx.post(
        f"{Stack(live_stack).url('registry')}/v1/catalog/trial-requests",
        json={"company": "Hotel Nord", "email": address},
        headers={**as_representative(live_stack), "Idempotency-Key": uuid.uuid4().hex},
        trust_env=False,
    )
    assert asked.status_code == 201, asked.text
    lead_id = asked.json()["lead_id"]
    document = live_stack / "erp" / "Lead" / f"{lead_id}.json"
    eventually(lambda: document if document.exists() else None, "the document of the CRM")
    eventually(lambda: mail_to(live_stack, "rep@a.example"), "the mail to the owner")
    assert lead_id in {lead["lead_id"] for lead in shell.json("leads", "list")}
    assert shell.json("leads", "show", lead_id)["activities"][0]["actor_id"] == "rep-1"
    assert shell.json("leads", "close", lead_id, "--outcome", "won")["outcome"] == "won"
    assert lead_id not in {lead["lead_id"] for lead in shell.json("leads", "list")}
    assert "REGISTRY.LEAD_CLOSED" in shell.refused("leads", "close", lead_id, "--outcome", "lost")
    assert "Hotel Nord" in shell.run("leads", "show", lead_id).stdout


def test_somebody_starts_a_trial_by_the_link_that_comes_by_mail(shell: Shell, live_stack: Path) -> None:
    address, url = f"owner-{uuid.uuid4().hex[:8]}@a.example", f"{Stack(live_stack).url('registry')}/v1/trials"
    company = f"Hotel {uuid.uuid4().hex[:8]}"
    with httpx.Client(trust_env=False) as http:
        asked = http.post(url, json={"email": address, "company": company, "products": ["notetaker"]})
        assert (asked.status_code, asked.json()) == (202, {"status": "received"})
        mail = eventually(lambda: mail_to(live_stack, address), "the mail with the link")
        token = re.search(r"#token=([A-Za-z0-9_-]{43})", mail)
        assert token is not None
        made = http.post(f"{url}/verification", json={"token": token[1]})
        assert made.status_code == 201, made.text
        assert http.post(f"{url}/verification", json={"token": token[1]}).status_code == 409
    assert shell.json("tenants", "show", made.json()["tenant_id"])["status"] == "trial"
    traces = b"".join(path.read_bytes() for path in (live_stack / "traces").glob("*.jsonl"))
    logs = b"".join(path.read_bytes() for path in live_stack.rglob("*.log"))
    assert token[1].encode() not in traces + logs
    assert address.encode() not in traces + logs


def test_the_demo_tenant_is_there_is_held_and_is_put_back(shell: Shell) -> None:
    told = shell.json("demo-tenant", "show")
    assert (told["tenant_id"], told["lease"]) == (str(DEMO_TENANT_ID), None)
    assert told["next_reset_at"] is not None
    assert shell.json("tenants", "show", str(DEMO_TENANT_ID))["allowed_transitions"] == []
    assert shell.json("timeline", str(DEMO_TENANT_ID))["future"][0]["action"] == "reset_demo"
    leased = shell.json("demo-tenant", "lease", "--minutes", "30")
    assert shell.json("demo-tenant", "lease", "--minutes", "240")["lease_id"] == leased["lease_id"]
    assert shell.json("demo-tenant", "reset", "--yes")["lease"] is not None
    before = shell.json("demo-tenant", "show")["last_reset"]
    assert shell.run("demo-tenant", "lease", "--end").returncode == 0

    def put_back() -> Any:
        last = shell.json("demo-tenant", "show")["last_reset"]
        return None if last == before else last

    last = eventually(put_back, "the reset")
    assert (last["outcome"], last["faults"]) == ("done", [])
    assert "REGISTRY.LEASE_NOT_FOUND" in shell.refused("demo-tenant", "lease", "--end")
