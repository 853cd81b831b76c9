"""The same three steps as sync hears them from the bff, which says for whom it speaks."""

import base64
import json
from typing import Any

from scripts.record_examples.cast import Cast
from tenantry.demo.world import PROPERTY


def handshake(cast: Cast) -> dict[str, Any]:
    ids = cast.recorder.ids
    return {
        "device": ids["device_id"],
        "app_version": "4.12.0",
        "schema_version": 1,
        "schema_hash": "shift_notes-1",
        "scopes": [{"scope": f"{ids['tenant_id']}/{PROPERTY}", "cursor": None}],
        "producer_epoch": 1,
        "last_mid": 0,
    }


def push(cast: Cast, mid: int) -> dict[str, Any]:
    """The `mid`-th action of the desktop."""
    note = {
        "mid": mid,
        "collection": "shift_notes",
        "key": f"note-{mid}",
        "type": "put",
        "args": {"text": "The lift is slow", "room": "204", "done": False},
        "base_version": None,
        "occurred_at": cast.instant(0),
    }
    scope = f"{cast.recorder.ids['tenant_id']}/{PROPERTY}"
    return {"scope": scope, "producer_epoch": 1, "mutations": [note]}


async def tell(cast: Cast) -> None:
    ask, ids, bff = cast.recorder.ask, cast.recorder.ids, cast.of_service("bff")
    principal = {
        **{name: ids[name] for name in ("tenant_id", "device_id", "member_id")},
        "org_roles": ["USER"],
        "backoffice_roles": ["front_desk"],
        "properties": [PROPERTY],
    }
    header = base64.urlsafe_b64encode(json.dumps(principal).encode()).rstrip(b"=").decode()
    speaking = {"Tenantry-Principal": header}
    await ask(bff, "sync", "POST /sync/v1/handshake", handshake(cast), headers=speaking)
    await ask(bff, "sync", "POST /sync/v1/push", push(cast, 2), headers=speaking)
    pull = {"scope": f"{ids['tenant_id']}/{PROPERTY}", "cursor": None, "limit": 100}
    await ask(bff, "sync", "POST /sync/v1/pull", pull, headers=speaking)
