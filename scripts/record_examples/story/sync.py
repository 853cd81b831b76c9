"""The same three steps as sync hears them from the bff, which says for whom it speaks."""

import base64
import json
import uuid
from typing import Any

from scripts.record_examples.cast import Cast
from tenantry.demo.world import PROPERTY

NOTE = {"text": "The lift is slow", "room": "204", "done": False}


def scope_of(cast: Cast) -> str:
    return f"{cast.recorder.ids['tenant_id']}/{PROPERTY}"


def handshake(cast: Cast) -> dict[str, Any]:
    return {
        "device": cast.recorder.ids["device_id"],
        "app_version": "4.12.0",
        "schema_version": 1,
        "schema_hash": "shift_notes-1",
        "scopes": [{"scope": scope_of(cast), "cursor": None}],
        "producer_epoch": 1,
        "last_mid": 0,
    }


def push(cast: Cast, *actions: dict[str, Any]) -> dict[str, Any]:
    usual = {"collection": "shift_notes", "key": "note-1", "type": "put", "args": NOTE, "base_version": None}
    occurred_at = cast.instant(0)
    return {
        "scope": scope_of(cast),
        "producer_epoch": 1,
        "mutations": [{**usual, "occurred_at": occurred_at, **action} for action in actions],
    }


def first_push(cast: Cast) -> dict[str, Any]:
    """What is applied, and what is rejected without stopping the rest."""
    return push(
        cast,
        {"mid": 1},
        {"mid": 2, "collection": "guests"},
        {"mid": 3, "key": "note-2"},
        {"mid": 4, "key": "note-2", "type": "delete", "args": {}},
    )


def pull(cast: Cast, limit: int) -> dict[str, Any]:
    return {"scope": scope_of(cast), "cursor": None, "limit": limit}


def speaking_for(cast: Cast, device_id: str) -> dict[str, str]:
    ids = cast.recorder.ids
    principal = {
        **{name: ids[name] for name in ("tenant_id", "member_id")},
        "device_id": device_id,
        "org_roles": ["USER"],
        "backoffice_roles": ["front_desk"],
        "properties": [PROPERTY],
    }
    header = base64.urlsafe_b64encode(json.dumps(principal).encode()).rstrip(b"=").decode()
    return {"Tenantry-Principal": header}


async def tell(cast: Cast) -> None:
    ask, bff = cast.recorder.ask, cast.of_service("bff")
    one, other = (
        speaking_for(cast, device) for device in (cast.recorder.ids["device_id"], str(uuid.uuid4()))
    )
    await ask(bff, "sync", "POST /sync/v1/handshake", handshake(cast), headers=one)
    step = "POST /sync/v1/push"
    fifth = push(cast, {"mid": 5, "key": "note-3"}, {"mid": 6, "collection": "guests"})
    await ask(bff, "sync", step, fifth, headers=one, title="applied and rejected")
    stale = push(cast, {"mid": 1, "args": {"done": True}, "base_version": 0})
    await ask(bff, "sync", step, stale, headers=other, title="conflict")
    step = "POST /sync/v1/pull"
    await ask(bff, "sync", step, pull(cast, 100), headers=one, title="all")
    await ask(bff, "sync", step, pull(cast, 1), headers=one, title="page")
