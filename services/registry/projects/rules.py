"""Which project a key or a report of usage may name."""

from collections.abc import Mapping
from uuid import UUID

from chassis.db import ReadTx, rows
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.errors import ProjectRefused
from services.registry.projects.store import queries

DEFAULT = "default"
"""Every tenant has it, always."""


async def require_usable(tx: ReadTx, tenant_id: UUID, product: str, named: Mapping[str, str]) -> None:
    """`named`: place in the request → project. Raises ProjectRefused with every place that is wrong."""
    others = sorted(set(named.values()) - {DEFAULT})
    if not others:
        return
    row = await catalogue.product_by_key(tx, key=product)
    if row is None or not manifest_of(row).supports_projects:
        why = ("unsupported", f"{product} knows no projects but `{DEFAULT}`")
        wrong = dict.fromkeys(others, why)
    else:
        usable = await rows(queries.projects_in_use(tx, tenant_id=tenant_id, project_ids=others))
        missing = set(others) - {row["project_id"] for row in usable}
        wrong = dict.fromkeys(missing, ("unknown", "the tenant has no such project, or it is archived"))
    faults = [
        {"pointer": place, "code": wrong[project][0], "detail": f"{project}: {wrong[project][1]}"}
        for place, project in named.items()
        if project in wrong
    ]
    if faults:
        raise ProjectRefused(f"{faults[0]['pointer'][1:]}: {faults[0]['detail']}", errors=faults)
