"""The envelope in headers and back; a wrong header is named."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.claims import AmbiguousOrganisation, MalformedClaims, normalize_claims
from contracts.envelope import Envelope, MalformedEnvelope

ENVELOPE = Envelope(
    id=uuid4(),
    source="/tenantry/registry",
    type="registry.tenant.activated.v1",
    time=datetime(2027, 1, 1, 12, 0, 0, 5, tzinfo=UTC),
    subject="tenant/é x",
    tenant_id=uuid4(),
    aggregate_version=3,
    dataschema="urn:tenantry:schema:registry.tenant.activated.v1",
    correlation_id="request 1",
    actor_id="müller",
    actor_type="user",
    traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
)


def test_headers_and_back_is_the_same_envelope() -> None:
    numbered = ENVELOPE.numbered("e1", 42)
    headers = numbered.to_headers()
    assert headers["ce-sequence"] == "00000000000000000042"
    assert headers["Nats-Msg-Id"] == headers["ce-id"]
    assert all(value.isascii() for value in headers.values())
    assert Envelope.from_headers(headers) == numbered


def test_a_platform_fact_has_no_tenant() -> None:
    headers = ENVELOPE.to_headers() | {"ce-tenantid": "_"}
    assert Envelope.from_headers(headers).tenant_id is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce-id", "x"),
        ("ce-time", "yesterday"),
        ("ce-time", "2027-01-01T00:00:00"),
        ("ce-tenantid", "x"),
        ("ce-aggregateversion", "-1"),
        ("ce-specversion", "0.3"),
        ("ce-subject", ""),
    ],
)
def test_a_wrong_header_is_named(header: str, value: str) -> None:
    with pytest.raises(MalformedEnvelope, match=f"^{header}"):
        Envelope.from_headers(ENVELOPE.to_headers() | {header: value})


def payload() -> dict[str, object]:
    return {
        "sub": "m1",
        "exp": 100,
        "aud": "bff",
        "organization": {"hotel": {"id": "o1", "tenant_id": [str(ENVELOPE.tenant_id)], "ent_v": ["4"]}},
        "groups": ["/IT_ADMIN"],
        "realm_access": {"roles": ["service:audit"]},
        "cnf": {"jkt": "k"},
    }


def test_a_keycloak_token_is_normalised() -> None:
    claims = normalize_claims(payload())
    assert (claims.tenant_id, claims.org_name, claims.ent_v) == (ENVELOPE.tenant_id, "hotel", 4)
    assert (claims.org_roles, claims.service, claims.cnf_jkt) == (frozenset({"IT_ADMIN"}), "audit", "k")


def test_two_organisations_are_refused() -> None:
    with pytest.raises(AmbiguousOrganisation):
        normalize_claims({**payload(), "organization": ["a", "b"]})


@pytest.mark.parametrize("name", ["sub", "exp"])
def test_a_missing_claim_is_named(name: str) -> None:
    given = payload()
    del given[name]
    with pytest.raises(MalformedClaims, match=f"^{name}"):
        normalize_claims(given)
