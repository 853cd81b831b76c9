"""Devices: a challenge, then the public key with a signature over it, by a member with a second factor."""

import base64
import binascii
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from chassis import outbox
from chassis.db import ReadTx, Tx
from chassis.dpop import PRIVATE_PARTS, thumbprint
from chassis.errors import Forbidden
from chassis.ids import uuid7
from contracts.claims import Claims
from contracts.registry import DeviceEnrolledV1, DeviceRevokedV1
from contracts.roles import BackofficeRole
from services.registry.devices.store import queries
from services.registry.errors import ChallengeInvalid, DeviceNotFound, PropertyUnknown
from services.registry.properties import store as properties
from services.registry.tenants import operations as tenants
from services.registry.tenants.model import Ladder


@dataclass(frozen=True, slots=True)
class NewDevice:
    """An installation's public key, with the proof that it holds the private one."""

    challenge: str
    signature: str
    jwk: dict[str, str]
    name: str
    os: str
    property: str
    cohort: BackofficeRole


async def challenge(tx: Tx, tenant_id: UUID, member_id: str, now: datetime, seconds: int) -> str:
    """A random text to sign; usable once, by this member, for a while."""
    text = secrets.token_urlsafe(32)
    expires_at = now + timedelta(seconds=seconds)
    await queries.add_challenge(
        tx, tenant_id=tenant_id, challenge=text, member_id=member_id, expires_at=expires_at
    )
    return text


def checked_thumbprint(jwk: dict[str, Any], challenge_text: str, signature: str) -> str:
    """The key's thumbprint when it is a public P-256 key that signed the challenge. Raises ChallengeInvalid."""
    if PRIVATE_PARTS & jwk.keys():
        raise ChallengeInvalid("jwk: carries a private key; that key is burnt, make a new one")
    try:
        key = ECKey.import_key(jwk).public_key
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except (JoseError, ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ChallengeInvalid("jwk or signature: not readable") from error
    if len(raw) != 64 or not isinstance(key.curve, ec.SECP256R1):
        raise ChallengeInvalid("signature: 64 bytes of ES256 by a P-256 key are needed (RFC 7518 §3.4)")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(der, challenge_text.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise ChallengeInvalid("signature: does not verify over the challenge") from error
    return thumbprint(jwk)


async def require_property(tx: ReadTx, claims: Claims, tenant_id: UUID, code: str) -> None:
    """Raises Forbidden where the member does not work there, PropertyUnknown where there is none."""
    if claims.properties and code not in claims.properties:
        raise Forbidden(f"property {code!r} is out of your scope")
    if await properties.unknown_of(tx, tenant_id, [code]):
        fault = {"pointer": "/property", "code": "unknown", "detail": "the tenant has no such property"}
        raise PropertyUnknown(f"property: the tenant has no {code!r}", errors=[fault])


async def enrol(
    tx: Tx, claims: Claims, tenant_id: UUID, asked: NewDevice, ladder: Ladder, now: datetime
) -> dict[str, Any]:
    """Register the key, once: the same key enrolled again answers the same device.

    The tenant is locked, so that the property does not go meanwhile. Raises TenantNotFound, TenantFrozen, Forbidden,
    PropertyUnknown, ChallengeInvalid.
    """
    await tenants.lock_writable(tx, tenant_id, ladder, now)
    await require_property(tx, claims, tenant_id, asked.property)
    taken = await queries.take_challenge(
        tx, tenant_id=tenant_id, challenge=asked.challenge, member_id=claims.sub, now=now
    )
    if taken is None:
        raise ChallengeInvalid("challenge: unknown, used or too old; ask for a new one")
    jkt = checked_thumbprint(asked.jwk, asked.challenge, asked.signature)
    known = await queries.device_in_use(tx, tenant_id=tenant_id, jkt=jkt)
    if known is not None:
        return {"device_id": str(known["device_id"]), "jkt": jkt}
    device_id = uuid7()
    await queries.add_device(
        tx,
        tenant_id=tenant_id,
        device_id=device_id,
        jkt=jkt,
        jwk=asked.jwk,
        member_id=claims.sub,
        name=asked.name,
        os=asked.os,
        property=asked.property,
        cohort=asked.cohort,
        enrolled_at=now,
    )
    enrolled = DeviceEnrolledV1(
        tenant_id=tenant_id,
        device_id=device_id,
        jkt=jkt,
        member_id=claims.sub,
        property=asked.property,
        cohort=asked.cohort,
    )
    await outbox.add(tx, enrolled, aggregate_version=1)
    return {"device_id": str(device_id), "jkt": jkt}


async def revoke(tx: Tx, tenant_id: UUID, device_id: UUID, reason: str, now: datetime) -> None:
    """Raises DeviceNotFound, also for one that is revoked already."""
    row = await queries.revoke_device(tx, tenant_id=tenant_id, device_id=device_id, revoked_at=now)
    if row is None:
        raise DeviceNotFound(f"there is no device {device_id} in use")
    revoked = DeviceRevokedV1(tenant_id=tenant_id, device_id=device_id, jkt=row["jkt"], reason=reason)
    await outbox.add(tx, revoked, aggregate_version=row["row_version"])
