"""The tenant's log, and the proofs about it."""

from typing import Any

from scripts.record_examples.cast import Cast

AUDIT = "/v1/tenants/{tenant_id}/audit"


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    await ask(cast.nobody, "audit", "GET /v1/audit/key")
    few = {"first": 0, "page_size": 2}
    await ask(
        operator, "audit", f"GET {AUDIT}/records", query=few, until=lambda found: len(found["records"]) == 2
    )
    await ask(operator, "audit", f"GET {AUDIT}/checkpoint")

    def has_path(found: dict[str, Any]) -> bool:
        return bool(found["hashes"])

    await ask(operator, "audit", f"GET {AUDIT}/inclusion", query={"leaf": 1}, until=has_path)
    await ask(operator, "audit", f"GET {AUDIT}/consistency", query={"tree_size": 1}, until=has_path)
