"""Enrolment: the registry learns the device's public key from a member who signed in with a second factor."""

import uuid
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey

from desktop.door import Door
from desktop.proofs import b64url


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled installation, known by its id and the thumbprint of its key (RFC 7638)."""

    device_id: str
    jkt: str


def sign_challenge(key: ECKey, challenge: str) -> str:
    """ES256 over the challenge's ASCII bytes, as raw r||s in base64url (RFC 7518 §3.4)."""
    private = key.private_key
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("the device key has no private part")
    r, s = decode_dss_signature(private.sign(challenge.encode("ascii"), ec.ECDSA(hashes.SHA256())))
    return b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


async def enrol(door: Door, registry: str, *, name: str, os: str, property_: str, cohort: str) -> Device:
    """Prove possession of the device key and register it. Raises Refused (401 without a second factor)."""
    challenges = f"{registry}/v1/devices/challenges"
    once = {"Idempotency-Key": uuid.uuid4().hex}
    challenge = (await door.request("POST", challenges, {}, once)).json()["challenge"]
    body = {
        "challenge": challenge,
        "signature": sign_challenge(door.proofs.key, challenge),
        "jwk": door.proofs.jwk,
        "name": name,
        "os": os,
        "property": property_,
        "cohort": cohort,
    }
    answer = await door.request("POST", f"{registry}/v1/devices", body, {"Idempotency-Key": uuid.uuid4().hex})
    enrolled = answer.json()
    return Device(enrolled["device_id"], enrolled["jkt"])
