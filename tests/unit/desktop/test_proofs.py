"""DPoP proofs say what RFC 9449 §4.2 asks for, with the server's time and nonce."""

import hashlib
import time
from email.utils import formatdate
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey

from desktop.keys import device_key
from desktop.proofs import Proofs, b64url


class MemoryStore:
    """A key store that forgets."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def save(self, name: str, pem: bytes) -> None:
        self.kept[name] = pem


def test_a_proof_names_method_address_token_and_key() -> None:
    proofs = Proofs(device_key(MemoryStore(), "desk"))
    proof = proofs.proof("get", "https://bff.example/v1/x?cursor=1#part", "token")
    header = jws.extract_compact(proof.encode()).headers()
    claims = jwt.decode(proof, ECKey.import_key(header["jwk"])).claims
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert "d" not in header["jwk"]
    assert (claims["htm"], claims["htu"]) == ("GET", "https://bff.example/v1/x")
    assert claims["ath"] == b64url(hashlib.sha256(b"token").digest())
    assert ECKey.import_key(header["jwk"]).thumbprint() == proofs.jkt


def test_the_nonce_of_one_origin_is_not_sent_to_another() -> None:
    proofs = Proofs(device_key(MemoryStore(), "desk"))
    proofs.learn("https://bff.example/v1/x", {"dpop-nonce": "n1"})
    assert claims_of(proofs.proof("GET", "https://bff.example/v1/y"))["nonce"] == "n1"
    assert "nonce" not in claims_of(proofs.proof("GET", "https://issuer.example/token"))


def test_a_wrong_clock_is_put_right_by_the_servers_date() -> None:
    proofs = Proofs(device_key(MemoryStore(), "desk"))
    proofs.learn("https://bff.example/", {"date": formatdate(time.time() + 7200, usegmt=True)})
    assert abs(claims_of(proofs.proof("GET", "https://bff.example/"))["iat"] - time.time() - 7200) < 5


def claims_of(proof: str) -> dict[str, Any]:
    header = jws.extract_compact(proof.encode()).headers()
    return dict(jwt.decode(proof, ECKey.import_key(header["jwk"])).claims)
