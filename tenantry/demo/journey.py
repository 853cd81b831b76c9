"""The main job, step by step: a sales order comes in, everybody hears of it; a desktop goes offline and comes back."""

import asyncio
import base64
import email
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default as email_policy
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from desktop.client import Desktop
from desktop.errors import Offline
from tenantry import log_verifier
from tenantry.demo.checks import Report
from tenantry.demo.hops import TraceFollower
from tenantry.demo.receiver import Receiver
from tenantry.demo.world import PROPERTY, Tenant, World

PATIENCE_SECONDS = 15.0
HOPS = {
    ("registry", "POST /webhooks/erpnext"): "registry: order read back, tenant activated",
    ("audit", "registry.tenant.activated.v1 process"): "audit: leaf in the tenant's tree",
    ("bff", "registry.tenant.activated.v1 process"): "bff: projected to the feed",
    ("notifier", "send mail"): "notifier: mail to the IT admin",
    ("notifier", "deliver webhook"): "notifier: signed webhook to the customer",
}
"""Spans of the one trace that prove a hop."""

Say = Callable[[str], None]


@dataclass
class Scene:
    """Who takes part."""

    world: World
    tenant: Tenant
    here: Desktop
    there: Desktop
    receiver: Receiver
    secret: str
    mails: Path


async def wait_for(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return True
        await asyncio.sleep(0.02)
    return False


async def submit_order(scene: Scene, say: Say, report: Report) -> tuple[str, str, float]:
    """The ERP submits an order and sends its signed webhook. Answers the trace id, its first span, when it began."""
    name = f"SO-{secrets.token_hex(4)}"
    modified = datetime.now(UTC).isoformat(sep=" ")
    order = {
        "name": name,
        "customer": scene.tenant.customer,
        "docstatus": 1,
        "modified": modified,
        "items": [
            {"item_code": "PLAN-PROFESSIONAL", "qty": 1},
            {"item_code": "PROD-AI-CONSOLE", "qty": 25},
            {"item_code": "PROD-COMPLIANCE", "qty": 5},
        ],
        "contract_start": "2027-01-01",
        "contract_end": "2027-12-31",
    }
    folder = scene.world.stack.folder.path / "erp" / "Sales Order"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(order))
    hint = {
        "doctype": "Sales Order",
        "event": "on_submit",
        **{key: order[key] for key in ("name", "modified", "customer")},
    }
    body = json.dumps(hint).encode()
    key = scene.world.stack.secrets.erp_webhook.encode()
    signature = base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()
    trace_id, parent = secrets.token_hex(16), secrets.token_hex(8)
    headers = {
        "Content-Type": "application/json",
        "X-Frappe-Webhook-Signature": signature,
        "traceparent": f"00-{trace_id}-{parent}-01",
    }
    url = f"{scene.world.stack.url('registry')}/webhooks/erpnext"
    say(f"the ERP submits {name}; its webhook carries trace {trace_id}")
    began = time.time()
    answer = await scene.world.http.post(url, content=body, headers=headers)
    report.add(
        "the signed webhook activates the tenant", answer.json().get("outcome") == "activated", answer.text
    )
    again = await scene.world.http.post(url, content=body, headers={**headers, "traceparent": ""})
    report.add(
        "the same webhook again changes nothing", again.json().get("outcome") == "duplicate", again.text
    )
    forged = await scene.world.http.post(url, content=body + b" ", headers={**headers, "traceparent": ""})
    code = forged.json().get("code")
    report.add(
        "a webhook that was tampered with is refused",
        code == "REGISTRY.BAD_SIGNATURE",
        f"{forged.status_code} {code}",
    )
    return trace_id, parent, began


async def follow_hops(follower: TraceFollower, began: float, say: Say, report: Report) -> None:
    """Say each hop as its span is written; all must come, and every span must hang on another of the same trace."""
    awaited = dict(HOPS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while awaited and time.monotonic() < deadline:
        for span in follower.read_new():
            if (what := awaited.pop((span.service, span.name), None)) is not None:
                say(f"+{(span.end - began) * 1000:6.0f} ms  {what}")
        await asyncio.sleep(0.02)
    missing = ", ".join(awaited.values())
    services = sorted({span.service for span in follower.spans})
    report.add(
        "one trace runs through all processes",
        not awaited,
        missing or f"{len(follower.spans)} spans in {', '.join(services)}",
    )
    slowest = max((span.end - began for span in follower.spans), default=99.0)
    report.add("every hop within a second", not awaited and slowest < 1.0, f"slowest {slowest * 1000:.0f} ms")


def check_unbroken(follower: TraceFollower, traceparent: str, report: Report) -> None:
    orphans = follower.orphans(traceparent)
    names = ", ".join(f"{span.service}/{span.name}" for span in orphans)
    report.add("the trace has no loose end", not orphans, names or "every span has its parent")


async def check_streams(scene: Scene, trace_id: str, report: Report) -> None:
    """Both desktops got the news, once, in the order of the stream, under the trace."""
    for name, desktop in (("first", scene.here), ("second", scene.there)):

        def news(desktop: Desktop = desktop) -> list[dict[str, Any]]:
            return [
                event for event in desktop.store.events() if event["type"] == "registry.tenant.activated.v1"
            ]

        came = await wait_for(lambda: bool(news()))
        frames = news()
        held = came and len(frames) == 1 and trace_id in str(frames[0]["tp"])
        report.add(f"the {name} desktop heard of it on its stream", held, f"{len(frames)} frame(s)")


async def check_mail(scene: Scene, locale: str, report: Report) -> None:
    """One mail to the IT admin, in the tenant's language."""
    address = f"it.admin@{scene.tenant.slug}.example"

    def found() -> list[EmailMessage]:
        messages = [
            email.message_from_bytes(path.read_bytes(), policy=email_policy)
            for path in scene.mails.glob("*.eml")
        ]
        return [message for message in messages if message["To"] == address]

    await wait_for(lambda: bool(found()))
    mails = found()
    subject = str(mails[0]["Subject"]) if mails else "none"
    language = str(mails[0]["Content-Language"]) if mails else ""
    report.add(f"one mail to the IT admin, in {locale}", len(mails) == 1 and language == locale, subject)


async def check_webhook(scene: Scene, report: Report) -> None:
    """One delivery, whose signature an independent library verifies."""
    await wait_for(lambda: bool(scene.receiver.deliveries))
    deliveries = scene.receiver.deliveries
    if not deliveries:
        report.add("the customer's webhook was delivered and verifies", False, "nothing came")
        return
    try:
        told = Webhook(scene.secret).verify(deliveries[0].body, deliveries[0].headers)
    except WebhookVerificationError as error:
        report.add("the customer's webhook was delivered and verifies", False, str(error))
        return
    held = len(deliveries) == 1 and told["data"]["tenant_id"] == scene.tenant.tenant_id
    report.add(
        "the customer's webhook was delivered once and verifies",
        held,
        f"{told['type']}, {len(deliveries)} delivery",
    )


async def check_audit(scene: Scene, report: Report) -> None:
    """The log is recomputed from its records and held against the signed checkpoint; then one record is changed."""
    path = f"/v1/tenants/{scene.tenant.tenant_id}/audit"
    key = (await scene.world.get("audit", "/v1/audit/key")).json()["verifier_key"]
    entries: list[bytes] = []

    async def is_signed() -> bool:
        entries[:] = await read_entries(scene.world, path)
        note = (await scene.world.get("audit", f"{path}/log/checkpoint")).text
        return "\n" in note and note.splitlines()[1] == str(len(entries))

    await wait_for(is_signed)
    note = (await scene.world.get("audit", f"{path}/log/checkpoint")).text
    origin = f"tenantry/audit/{scene.tenant.tenant_id}"
    try:
        head = log_verifier.verify_log(entries, note, key, origin)
        index = next(i for i, entry in enumerate(entries) if b'"registry.tenant.activated.v1"' in entry)
        proof = (await scene.world.get("audit", f"{path}/inclusion", leaf=index)).json()
        hashes = [bytes.fromhex(piece) for piece in proof["hashes"]]
        signed = log_verifier.open_note(proof["checkpoint"], key)
        root = log_verifier.root_from_inclusion(
            log_verifier.leaf_hash(entries[index]), index, signed.size, hashes
        )
        held = root == signed.root
        report.add(
            "the audit proof of the activation verifies",
            held,
            f"leaf {index} of {head.size}, root {head.root.hex()[:16]}…",
        )
    except (log_verifier.Unverified, StopIteration) as error:
        report.add("the audit proof of the activation verifies", False, repr(error))
        return
    try:
        log_verifier.verify_log([entries[0] + b" ", *entries[1:]], note, key, origin)
        report.add("a changed record would be noticed", False, "the verifier took it")
    except log_verifier.Unverified:
        report.add("a changed record would be noticed", True, "the verifier refused it")


async def read_entries(world: World, path: str) -> list[bytes]:
    """Every leaf of a log, in order."""
    entries: list[bytes] = []
    first: int | None = 0
    while first is not None:
        page = (await world.get("audit", f"{path}/records", first=first, page_size=200)).json()
        entries += [base64.b64decode(record["entry"]) for record in page["records"]]
        first = page["next"]
    return entries


async def go_offline_and_back(scene: Scene, say: Say, report: Report) -> None:
    """The first desktop queues work offline while the second goes on; then it hands its work in, over a bad line."""
    scope = f"{scene.tenant.tenant_id}/{PROPERTY}"
    here, there = scene.here, scene.there
    await here.go_offline()
    say("the first desktop goes offline and queues three notes; the second writes one")
    for number in (1, 2, 3):
        here.act(
            "shift_notes", f"offline-{number}", "put", {"text": f"written offline, {number}", "done": False}
        )
    there.act("shift_notes", "online-1", "put", {"text": "written online", "room": "204"})
    await there.sync(scope)
    await here.open_session(os="Windows 11", property_=PROPERTY)
    here.go_online(lambda _: None)
    await asyncio.wait_for(here.stream.opened.wait() if here.stream else asyncio.sleep(0), PATIENCE_SECONDS)
    say("the first desktop is back; the answer to its first push is lost on the way")
    await lose_one_answer(here, scope)
    await here.sync(scope)
    applied = sum(1 for status in here.store.settled().values() if status in {"applied", "duplicate"})
    report.add("the offline work was handed in", applied == 3, f"{here.store.settled()}")
    came = await wait_for(
        lambda: sum(1 for event in there.store.events() if event["type"] == "sync.record.changed.v1") >= 4
    )
    await there.sync(scope)
    same = here.store.records("shift_notes") == there.store.records("shift_notes")
    notes = there.store.records("shift_notes")
    once = all(version == 1 for version, _ in notes.values())
    report.add("both desktops hold the same four notes", same and len(notes) == 4, ", ".join(sorted(notes)))
    report.add(
        "each action had its effect exactly once",
        once,
        f"versions {[version for version, _ in notes.values()]}",
    )
    report.add(
        "the second desktop was nudged on its stream", came, f"{len(there.store.events())} events seen"
    )


async def lose_one_answer(desktop: Desktop, scope: str) -> None:
    """Hand the queue in, and lose the answer as a cut line would: the server has it, the desktop does not know."""
    mutations = [mutation.as_json() for mutation in desktop.store.queued(100)]
    body = {"scope": scope, "producer_epoch": 1, "mutations": mutations}
    try:
        await desktop.door.request("POST", f"{desktop.places.bff}/sync/push", body)
    except Offline as error:
        raise AssertionError("the line was cut before the server heard") from error


def check_feeds(scene: Scene, report: Report) -> None:
    """No event twice, none out of order, no audience with a hole."""
    for name, desktop in (("first", scene.here), ("second", scene.there)):
        numbers: dict[str, list[int]] = {}
        for event in desktop.store.events():
            numbers.setdefault(event["audience"], []).append(int(event["seq"]))
        whole = all(seen == list(range(seen[0], seen[0] + len(seen))) for seen in numbers.values())
        told = ", ".join(
            f"{audience.split('.')[0]} {len(seen)}" for audience, seen in sorted(numbers.items())
        )
        report.add(f"the {name} desktop missed nothing and saw nothing twice", whole, told)
