"""The tenant's projects: made, renamed, archived."""

from scripts.record_examples.cast import Cast

PROJECTS = "/v1/tenants/{tenant_id}/projects"
PROJECT = f"{PROJECTS}/{{project_id}}"


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    cast.recorder.ids["project_id"] = "night-runs"
    made = {"project_id": "night-runs", "name": "Night runs"}
    await ask(operator, "registry", f"POST {PROJECTS}", made)
    await ask(operator, "registry", f"PATCH {PROJECT}", {"name": "Runs at night"}, match=PROJECT)
    await ask(operator, "registry", f"GET {PROJECT}")
    await ask(operator, "registry", f"DELETE {PROJECT}", match=PROJECT)
    await ask(operator, "registry", f"GET {PROJECTS}", query={"page_size": 10})
