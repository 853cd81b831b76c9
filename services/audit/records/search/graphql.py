"""The search that Retraced's client asks by GraphQL, over the same search as everything else."""

from collections.abc import Awaitable, Callable
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode, build_schema, execute, parse, validate
from graphql.language import FieldNode

from services.audit.records.errors import QueryRefused
from services.audit.records.search.filters import Row

MOST_TOKENS = 400
LONGEST = 10_000
SCHEMA = build_schema(
    """
    type Query { search(query: String!, last: Int, before: String): Connection }
    type Connection { totalCount: Int!, pageInfo: PageInfo!, edges: [Edge!]! }
    type PageInfo { hasPreviousPage: Boolean! }
    type Edge { cursor: String!, node: Node! }
    type Pair { key: String!, value: String }
    type Group { id: String, name: String }
    type Actor { id: String, name: String, href: String, fields: [Pair!] }
    type Target { id: String, name: String, href: String, type: String, fields: [Pair!] }
    type Display { markdown: String }
    type Node {
        id: String!, action: String!, description: String, group: Group, actor: Actor, target: Target, crud: String,
        display: Display, received: String!, created: String, canonical_time: String!, is_failure: Boolean,
        is_anonymous: Boolean, source_ip: String, country: String, loc_subdiv1: String, loc_subdiv2: String,
        component: String, version: String, fields: [Pair!], external_id: String, metadata: [Pair!]
    }
    """
)
Find = Callable[..., Awaitable[dict[str, Any]]]
"""`search` with its arguments."""


async def answer(query: str, variables: dict[str, Any], find: Find) -> dict[str, Any]:
    """The body of the answer. One `search` per request. Raises QueryRefused, and what `find` raises."""
    if len(query) > LONGEST:
        raise QueryRefused(f"a query is at most {LONGEST} characters")
    try:
        document = parse(query, max_tokens=MOST_TOKENS)
    except GraphQLError as error:
        raise QueryRefused(f"query: {error.message}") from error
    if faults := validate(SCHEMA, document):
        raise QueryRefused(f"query: {faults[0].message}")
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    roots = operations[0].selection_set.selections if len(operations) == 1 else ()
    if len(roots) != 1 or not isinstance(roots[0], FieldNode) or roots[0].name.value != "search":
        raise QueryRefused("query: ask for one `search`")

    async def search(_info: Any, **arguments: Any) -> dict[str, Any]:
        return await find(**arguments)

    given: Any = execute(SCHEMA, document, root_value={"search": search}, variable_values=variables)
    result = await given if isinstance(given, Awaitable) else given
    for fault in result.errors or ():
        if fault.original_error is not None and not isinstance(fault.original_error, GraphQLError):
            raise fault.original_error
        raise QueryRefused(f"query: {fault.message}")
    data: dict[str, Any] = result.data
    return {"data": data}


def node_of(row: Row, statement: Any) -> dict[str, Any]:
    """A record as Retraced shows one. A value that was erased says so."""
    event = statement.get("event") or {}
    actor = event.get("actor") or {"id": row["actor_id"]}
    target = event.get("target") or (
        {"id": row["target_id"], "type": row["target_type"]} if row["target_id"] else None
    )
    happened = row["happened_at"].isoformat()
    return {
        "id": row["record_id"].hex,
        "action": row["action"],
        "description": said(event.get("description")),
        "group": event.get("group") or {"id": statement.get("tenant_id")},
        "actor": person(actor),
        "target": person(target),
        "crud": row["crud"],
        "display": {"markdown": markdown(row["action"], person(actor), person(target))},
        "received": row["received_at"].isoformat(),
        "created": event.get("created"),
        "canonical_time": happened,
        "is_failure": row["is_failure"],
        "is_anonymous": bool(event.get("is_anonymous")),
        "source_ip": said(event.get("source_ip")),
        "component": event.get("component"),
        "version": event.get("version"),
        "fields": pairs(event.get("fields")),
        "external_id": row["external_id"],
        "metadata": pairs(event.get("metadata")),
    }


def person(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    told = {name: said(value) for name, value in given.items() if name != "fields"}
    return {**told, "fields": pairs(given.get("fields"))}


def pairs(given: Any) -> list[dict[str, str | None]] | None:
    if not isinstance(given, list):
        return None if given is None else [{"key": "*", "value": said(given)}]
    return [{"key": one["key"], "value": said(one["value"])} for one in given]


def said(value: Any) -> str | None:
    """A text; of what was erased, when; nothing of what stays sealed."""
    if isinstance(value, dict):
        return f"[erased {value['erased']}]" if "erased" in value else None
    return value if value is None else str(value)


def markdown(action: str, actor: dict[str, Any] | None, target: dict[str, Any] | None) -> str:
    who = (actor and (actor.get("name") or actor.get("id"))) or "somebody"
    what = target and (target.get("name") or target.get("id"))
    return f"**{who}** {action}" + (f" **{what}**" if what else "")
