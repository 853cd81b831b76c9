"""The tenant's log, and the proofs about it."""

from typing import Any

from scripts.record_examples.cast import Cast

AUDIT = "/v1/tenants/{tenant_id}/audit"


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    await ask(cast.nobody, "audit", "GET /v1/audit/key")
    few = {"first": 0, "page_size": 2}
    await ask(
        operator,
        "audit",
        f"GET {AUDIT}/records",
        query=few,
        headers={"Tenantry-Reason": "Ticket 4711"},
        until=lambda found: len(found["records"]) == 2,
    )
    await ask(operator, "audit", f"GET {AUDIT}/log/checkpoint")
    first = "000.p/1"
    await ask(operator, "audit", f"GET {AUDIT}/log/tile/{{level}}/{{number}}", level="0", number=first)
    await ask(operator, "audit", f"GET {AUDIT}/log/tile/entries/{{number}}", number=first)

    def has_path(found: dict[str, Any]) -> bool:
        return bool(found["hashes"])

    await ask(operator, "audit", f"GET {AUDIT}/inclusion", query={"leaf": 1}, until=has_path)
    await ask(operator, "audit", f"GET {AUDIT}/consistency", query={"tree_size": 1}, until=has_path)
    await tell_of_the_ledger(cast)


async def tell_of_the_ledger(cast: Cast) -> None:
    """What anybody may see, and where a tenant's log stands in it."""
    ask = cast.recorder.ask
    await ask(
        cast.operator,
        "audit",
        f"GET {AUDIT}/ledger",
        until=lambda found: bool(found.get("ledger")),
    )
    await ask(cast.nobody, "audit", "GET /v1/audit/ledger/checkpoint")
    await ask(cast.nobody, "audit", "GET /v1/audit/ledger/consistency", query={"tree_size": 1})
    await ask(
        cast.nobody,
        "audit",
        "GET /v1/audit/anchors",
        query={"page_size": 1},
        until=lambda found: bool(found["anchors"]),
    )
