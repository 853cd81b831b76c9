"""The stream in the OpenAPI document: written by hand, since its listener is not FastAPI's."""

from typing import Any

from services.bff.api import STREAM_PATH

ABOUT = """Server-sent events (WHATWG HTML §9.2) for this device, from `Last-Event-ID` or `cursor` on, else from now.

Each event has `audience`, its number there (`seq`) and that of its predecessor (`prev`), so that a hole is seen. Frames
without `seq` are control: `hello` tells where each audience stands as of the cursor, `hb` that everything up to its id was
written, `reset` that the cursor leads nowhere and where a snapshot is. Without an id, for they are of the present alone:
`version.advisory`, `version.blocked`, `locks.halted`, `locks.resumed`, `session.expiring`, `session.revoked`,
`tenant.disabled`, `resync`, and `bye` with the reason of the end. `session.expiring` names with `reason` what will end,
with `exp` when, and with `closes_in` in how many seconds: the `token`, or the desk session, by its absolute limit
(`expired`) or for want of a heartbeat (`idle`).

The proof names this address. A desk session's `stream_url` names the session: the stream ends with it, and is refused
(410 `BFF.SESSION_ENDED`) after it. Connections end after a while; come back with the last id. 503 with `Retry-After`: this
process has enough streams, or is behind the cursor; another one, or this one later, can.
"""


def pages(origin: str) -> dict[str, dict[str, Any]]:
    """The page of the stream, which is served at `origin`."""
    cursor = {"schema": {"type": "string", "maxLength": 100}}
    return {
        STREAM_PATH: {
            "get": {
                "tags": ["backoffice"],
                "summary": "Stream",
                "description": ABOUT,
                "operationId": "stream",
                "servers": [{"url": origin}],
                "security": [{"dpop": []}],
                "parameters": [
                    {"name": "Last-Event-ID", "in": "header", "required": False, **cursor},
                    {"name": "cursor", "in": "query", "required": False, **cursor},
                    {
                        "name": "session",
                        "in": "query",
                        "required": False,
                        "schema": {"type": "string", "format": "uuid"},
                    },
                ],
                "responses": {"200": {"description": "Frames, until the connection ends"}},
            }
        }
    }
