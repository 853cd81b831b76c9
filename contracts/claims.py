"""One shape for what a token says, whichever issuer made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.roles import SERVICE_ROLE_PREFIX


class MalformedClaims(ValueError):
    """A claim is missing or has the wrong form; the message names it."""


class AmbiguousOrganisation(MalformedClaims):
    """The token names more than one organisation."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Who is calling. Times are seconds since 1970."""

    sub: str
    token_id: str
    audience: frozenset[str]
    expires_at: int
    email: str | None = None
    tenant_id: UUID | None = None
    org_id: str | None = None
    org_name: str | None = None
    org_roles: frozenset[str] = frozenset()
    backoffice_roles: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()
    realm_roles: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    plan: str | None = None
    tenant_status: str | None = None
    ent_v: int = 0
    device_id: str | None = None
    cnf_jkt: str | None = None
    act: str | None = None
    impersonated_by: str | None = None
    acr: str | None = None
    auth_time: int | None = None
    service: str | None = None
    """Name of the calling service, when the caller is one."""


def normalize_claims(payload: Mapping[str, Any]) -> Claims:
    """Claims from a verified token's payload (Keycloak 26 with Organizations, or the local issuer).

    Raises MalformedClaims for a claim of the wrong form and AmbiguousOrganisation for more than one organisation.
    """
    name, organisation = _organisation(payload.get("organization"))
    realm_roles = _texts(_mapping(payload, "realm_access").get("roles"), "realm_access.roles")
    return Claims(
        sub=_required(payload, "sub"),
        token_id=str(payload.get("jti", "")),
        audience=_texts(payload.get("aud"), "aud"),
        expires_at=_integer(payload, "exp"),
        email=payload.get("email"),
        tenant_id=_uuid(_first(organisation, "tenant_id"), "organization.tenant_id"),
        org_id=_first(organisation, "id"),
        org_name=name,
        org_roles=frozenset(group.rsplit("/", 1)[-1] for group in _texts(payload.get("groups"), "groups")),
        backoffice_roles=_texts(payload.get("backoffice_roles"), "backoffice_roles"),
        properties=_texts(payload.get("properties"), "properties"),
        realm_roles=realm_roles,
        products=_texts(organisation.get("products"), "organization.products"),
        plan=_first(organisation, "plan"),
        tenant_status=_first(organisation, "tenant_status"),
        ent_v=int(_first(organisation, "ent_v") or 0),
        device_id=payload.get("device_id"),
        cnf_jkt=_mapping(payload, "cnf").get("jkt"),
        act=_mapping(payload, "act").get("sub"),
        impersonated_by=payload.get("impersonated_by"),
        acr=payload.get("acr"),
        auth_time=None if payload.get("auth_time") is None else _integer(payload, "auth_time"),
        service=next(
            (
                role[len(SERVICE_ROLE_PREFIX) :]
                for role in sorted(realm_roles)
                if role.startswith(SERVICE_ROLE_PREFIX)
            ),
            None,
        ),
    )


def _organisation(value: Any) -> tuple[str | None, Mapping[str, Any]]:
    """Keycloak: `{alias: {id, attribute: [values]}}`; without details: `[alias]`."""
    if not value:
        return None, {}
    if isinstance(value, Mapping):
        names = list(value)
    elif isinstance(value, list):
        names = value
    else:
        raise MalformedClaims("organization: neither an object nor a list")
    if len(names) > 1:
        raise AmbiguousOrganisation(
            f"organization: the token names {len(names)} organisations, only one is accepted"
        )
    details = value[names[0]] if isinstance(value, Mapping) else {}
    if not isinstance(details, Mapping):
        raise MalformedClaims(f"organization.{names[0]}: not an object")
    return str(names[0]), details


def _mapping(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = payload.get(name) or {}
    if not isinstance(value, Mapping):
        raise MalformedClaims(f"{name}: not an object")
    return value


def _first(values: Mapping[str, Any], name: str) -> str | None:
    """Organisation attributes are lists in Keycloak."""
    value = values.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None else str(value)


def _texts(value: Any, name: str) -> frozenset[str]:
    if value is None:
        return frozenset()
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return frozenset(value)
    raise MalformedClaims(f"{name}: neither a string nor a list of strings")


def _required(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedClaims(f"{name}: missing")
    return value


def _integer(payload: Mapping[str, Any], name: str) -> int:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedClaims(f"{name}: not a number of seconds")
    return int(value)


def _uuid(value: str | None, name: str) -> UUID | None:
    if value is None:
        return None
    try:
        return UUID(value)
    except ValueError as error:
        raise MalformedClaims(f"{name}: not a UUID") from error
