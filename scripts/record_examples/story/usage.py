"""The product reports what was used."""

import uuid

from scripts.record_examples.cast import Cast


async def tell(cast: Cast) -> None:
    batch = {
        "batch_id": str(uuid.uuid4()),
        "tenant_id": cast.recorder.ids["tenant_id"],
        "items": [
            {
                "project": "default",
                "metric": "minutes_transcribed",
                "quantity": 42,
                "at": cast.instant(0),
            }
        ],
    }
    notetaker = cast.of_service("product:notetaker")
    await cast.recorder.ask(notetaker, "registry", "POST /internal/usage", batch)
    asked = {"product": "notetaker", "days": 7}
    await cast.recorder.ask(cast.operator, "registry", "GET /v1/tenants/{tenant_id}/usage", query=asked)
