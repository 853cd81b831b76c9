"""The administration that the registry's local identity adapter and the command line need."""

import hmac
import time
import uuid
from typing import Annotated, Any, Literal

from argon2 import PasswordHasher
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from chassis.errors import Conflict, NotFound, Unauthorized
from tenantry.issuer.signing import AUDIENCES, Signer
from tenantry.issuer.state import State

hasher = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
Word = Annotated[str, Field(min_length=1, max_length=200)]


class Strict(BaseModel):
    """Refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class OrganisationIn(Strict):
    """Found again by `operation_id`, so that a repeated call makes nothing twice."""

    operation_id: Word
    alias: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
    name: Word


class AttributesIn(Strict):
    """Every attribute is a list, as in Keycloak; the given ones replace those of the same name."""

    attributes: dict[str, list[str]]


class MemberIn(Strict):
    """Found again by its address within the organisation."""

    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    name: Word
    locale: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    org_roles: list[Word] = []
    backoffice_roles: list[Word] = []
    properties: list[Word] = []


class MemberStateIn(Strict):
    """What tokens say of a member from the next one on, and whether it gets any."""

    org_roles: list[Word]
    backoffice_roles: list[Word]
    properties: list[Word]
    is_active: bool


class KeptIn(Strict):
    """Who stays in an organisation."""

    member_ids: list[Word]


class CredentialsIn(Strict):
    """What a member would set through the set-up link: a password, and whether a second factor exists."""

    password: Annotated[str, Field(min_length=12, max_length=200)]
    otp: Annotated[str, Field(pattern=r"^\d{6}$")] | None = None


class OperatorTokenIn(Strict):
    """An operator's token for the command line."""

    role: Literal["PLATFORM_ADMIN", "SUPPORT_ENGINEER", "SALES_REP", "CUSTOMER_SUCCESS", "SRE"]
    subject: Word = "operator"
    seconds: Annotated[int, Field(ge=30, le=43_200)] = 3600


def router(state: State, signer: Signer, admin_secret: str) -> APIRouter:
    """Everything here needs the admin secret as a bearer token."""

    def check(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {admin_secret}".encode()):
            raise Unauthorized("the administration needs the admin secret as a bearer token")

    routes = APIRouter(prefix="/admin", dependencies=[Depends(check)], tags=["admin"])
    add_organisations(routes, state)
    add_members(routes, state)
    add_credentials(routes, state)
    add_tokens(routes, signer)
    return routes


def add_organisations(routes: APIRouter, state: State) -> None:
    @routes.post("/organizations")
    async def find_or_create(body: OrganisationIn) -> dict[str, Any]:
        known = next((o for o in state.all("organisation") if o["operation_id"] == body.operation_id), None)
        if known is None:
            known = {"id": str(uuid.uuid4()), "attributes": {}, **body.model_dump()}
            state.put("organisation", known["id"], known)
        return known

    @routes.put("/organizations/{org_id}/attributes")
    async def set_attributes(org_id: str, body: AttributesIn) -> dict[str, Any]:
        organisation = state.get("organisation", org_id)
        if organisation is None:
            raise NotFound(f"there is no organisation {org_id}")
        organisation["attributes"] |= body.attributes
        state.put("organisation", org_id, organisation)
        return organisation


def add_members(routes: APIRouter, state: State) -> None:
    @routes.post("/organizations/{org_id}/members")
    async def find_or_create_member(org_id: str, body: MemberIn) -> dict[str, Any]:
        if state.get("organisation", org_id) is None:
            raise NotFound(f"there is no organisation {org_id}")
        email = body.email.lower()
        address = state.get("address", email)
        known = state.get("member", address["member_id"]) if address else None
        if known is not None and known["org_id"] != org_id:
            raise Conflict("a member of another organisation has this address")
        member = {
            "id": known["id"] if known else str(uuid.uuid4()),
            "org_id": org_id,
            **body.model_dump(),
            "is_active": True,
        }
        member["email"] = email
        state.put("member", member["id"], member)
        state.put("address", email, {"member_id": member["id"]})
        return member

    @routes.put("/organizations/{org_id}/members/{member_id}")
    async def set_member(org_id: str, member_id: str, body: MemberStateIn) -> dict[str, Any]:
        member = state.get("member", member_id)
        if member is None or member["org_id"] != org_id:
            raise NotFound(f"the organisation has no member {member_id}")
        member |= body.model_dump()
        state.put("member", member_id, member)
        return member

    @routes.put("/organizations/{org_id}/members")
    async def keep_members(org_id: str, body: KeptIn) -> dict[str, Any]:
        others = [m for m in state.all("member") if m["org_id"] == org_id and m["id"] not in body.member_ids]
        for member in others:
            for kind, id_ in (
                ("credentials", member["id"]),
                ("address", member["email"]),
                ("member", member["id"]),
            ):
                state.remove(kind, id_)
        return {"removed": [member["id"] for member in others]}


def add_credentials(routes: APIRouter, state: State) -> None:
    @routes.put("/members/{member_id}/credentials")
    async def set_credentials(member_id: str, body: CredentialsIn) -> dict[str, str]:
        if state.get("member", member_id) is None:
            raise NotFound(f"there is no member {member_id}")
        state.put("credentials", member_id, {"password": hasher.hash(body.password), "otp": body.otp})
        return {"member_id": member_id}


def add_tokens(routes: APIRouter, signer: Signer) -> None:
    @routes.post("/tokens")
    async def operator_token(body: OperatorTokenIn) -> dict[str, Any]:
        claims = {
            "sub": body.subject,
            "aud": AUDIENCES["operator"],
            "client_id": "operator",
            "realm_access": {"roles": [body.role]},
            "acr": "mfa",
            "auth_time": int(time.time()),
        }
        return {"access_token": signer.sign(claims, time.time(), body.seconds), "expires_in": body.seconds}
