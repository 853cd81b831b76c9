"""DPoP proofs: the examples of RFC 9449, then every way in which a proof can be wrong."""

import itertools
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from chassis.dpop import (
    DpopError,
    Nonces,
    Proof,
    ProofChecks,
    ReplayMemory,
    b64url,
    challenge,
    thumbprint,
    verify_proof,
)

RFC_HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJ"
    "oRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
RFC_TOKEN_PROOF = (
    f"{RFC_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL"
    "3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV3"
    "7xRZT3Lg"
)
RFC_RESOURCE_PROOF = (
    f"{RFC_HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZ"
    "y9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzb"
    "VFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC_ACCESS_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
RFC_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
RFC_ATH = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"

NOW = 1_800_000_000.0
URL = "https://bff.example/bff/backoffice/v1/bootstrap"
NONCES = Nonces(b"s" * 32)
KEY = ec.generate_private_key(ec.SECP256R1())


def jwk_of(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    size = (key.curve.key_size + 7) // 8
    numbers = key.public_key().public_numbers()
    name = {"secp256r1": "P-256", "secp384r1": "P-384"}[key.curve.name]
    return {
        "kty": "EC",
        "crv": name,
        "x": b64url(numbers.x.to_bytes(size, "big")),
        "y": b64url(numbers.y.to_bytes(size, "big")),
    }


JWK = jwk_of(KEY)


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    size = (key.curve.key_size + 7) // 8
    digest = hashes.SHA256() if size == 32 else hashes.SHA384()
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def made(
    *,
    header: dict[str, Any] | None = None,
    body: bytes | None = None,
    without: tuple[str, ...] = (),
    **claims: Any,
) -> str:
    """A proof that is right but for what the arguments say."""
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": JWK, **(header or {})}
    told = {"htm": "GET", "htu": URL, "iat": NOW, "jti": "j1", "ath": RFC_ATH, **claims}
    kept = {name: value for name, value in told.items() if name not in without}
    payload = json.dumps(kept).encode() if body is None else body
    signed = f"{b64url(json.dumps(head).encode())}.{b64url(payload)}"
    return f"{signed}.{b64url(sign(KEY, signed.encode()))}"


def verified(*proofs: str, **changes: Any) -> Proof:
    asked: dict[str, Any] = {
        "method": "GET",
        "url": URL,
        "access_token": RFC_ACCESS_TOKEN,
        "expected_jkt": thumbprint(JWK),
        "now": NOW,
        "nonces": NONCES,
        "replay": ReplayMemory(),
    }
    return verify_proof(list(proofs), **{**asked, **changes})


def reason(*proofs: str, **changes: Any) -> str:
    with pytest.raises(DpopError) as refused:
        verified(*proofs, **changes)
    return refused.value.reason


def test_the_token_request_of_the_rfc_is_accepted() -> None:
    proof = verified(
        RFC_TOKEN_PROOF,
        method="POST",
        url="https://server.example.com/token",
        access_token=None,
        expected_jkt=None,
        now=1562262616,
    )
    assert proof == Proof(RFC_JKT, "-BwC3ESc6acc2lTc", 1562262616)


def test_the_resource_request_of_the_rfc_is_accepted() -> None:
    url = "https://resource.example.org/protectedresource"
    proof = verified(RFC_RESOURCE_PROOF, url=url, expected_jkt=RFC_JKT, now=1562262618)
    assert proof.jti == "e1j3V_bKic8-LAEB"


def test_the_nonce_stands_in_for_a_wrong_clock() -> None:
    assert verified(made(iat=1, nonce=NONCES.current(NOW)), demand_nonce=True).iat == 1


@pytest.mark.parametrize("iat", [NOW - 60, NOW + 10, NOW - 0.5])
def test_an_issue_time_within_the_window_is_accepted(iat: float) -> None:
    assert verified(made(iat=iat)).jkt == thumbprint(JWK)


def test_es384_and_eddsa_are_accepted() -> None:
    big = ec.generate_private_key(ec.SECP384R1())
    ed = Ed25519PrivateKey.generate()
    ed_jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64url(ed.public_key().public_bytes_raw())}
    for alg, jwk, signer in (
        ("ES384", jwk_of(big), lambda data: sign(big, data)),
        ("EdDSA", ed_jwk, ed.sign),
        ("Ed25519", ed_jwk, ed.sign),
    ):
        head, body, _ = made(header={"alg": alg, "jwk": jwk}).split(".")
        proof = f"{head}.{body}.{b64url(signer(f'{head}.{body}'.encode()))}"
        assert verified(proof, expected_jkt=thumbprint(jwk)).jkt == thumbprint(jwk)


@pytest.mark.parametrize(
    ("proof", "because"),
    [
        (made(header={"typ": "JWT"}), "typ"),
        (made(header={"typ": None}), "typ"),
        (made(header={"alg": "none"}), "alg"),
        (made(header={"alg": "HS256"}), "alg"),
        (made(header={"alg": ["ES256"]}), "alg"),
        (made(header={"alg": "ES384"}), "jwk"),
        (made(header={"alg": "EdDSA"}), "jwk"),
        (made(header={"alg": "Ed25519"}), "jwk"),
        (made(header={"jwk": None}), "jwk"),
        (made(header={"jwk": "me"}), "jwk"),
        (made(header={"jwk": {**JWK, "x": "AAAA"}}), "jwk"),
        (made(header={"jwk": {**JWK, "x": 7}}), "jwk"),
        (made(header={"jwk": {**JWK, "x": JWK["x"] + "="}}), "jwk"),
        (made(header={"jwk": {**JWK, "y": JWK["x"]}}), "jwk"),
        (made(header={"jwk": {name: JWK[name] for name in ("kty", "crv", "x")}}), "jwk"),
        (made(header={"jwk": {**JWK, "d": "AA"}}), "private"),
        (made(header={"crit": ["b64"], "b64": False}), "crit"),
        (made(htm="POST"), "htm"),
        (made(htm="get"), "htm"),
        (made(without=("htm",)), "htm"),
        (made(htu="https://other.example/bff/backoffice/v1/bootstrap"), "htu"),
        (made(htu="http://bff.example/bff/backoffice/v1/bootstrap"), "htu"),
        (made(htu="https://bff.example:8443/bff/backoffice/v1/bootstrap"), "htu"),
        (made(htu=f"{URL}/"), "htu"),
        (made(htu=URL.replace("/v1/", "%2Fv1/")), "htu"),
        (made(htu="https://me@bff.example/bff/backoffice/v1/bootstrap"), "htu"),
        (made(htu=""), "htu"),
        (made(htu="https://[/"), "htu"),
        (made(htu=[URL]), "htu"),
        (made(without=("htu",)), "htu"),
        (made(without=("ath",)), "ath"),
        (made(ath="wrong"), "ath"),
        (made(ath="\u00fc"), "ath"),
        (made(ath=7), "ath"),
        (made(without=("iat",)), "iat"),
        (made(iat=True), "iat"),
        (made(iat=str(NOW)), "iat"),
        (made(iat=NOW - 61), "iat"),
        (made(iat=NOW + 11), "iat"),
        (made(nonce="stranger"), "nonce"),
        (made(nonce=7), "nonce"),
        (made(nonce="\u00fc"), "nonce"),
        (made(nonce=NONCES.current(NOW - 120)), "nonce"),
        (made(nonce=NONCES.current(NOW + 60)), "nonce"),
        (made(without=("jti",)), "jti"),
        (made(jti=""), "jti"),
        (made(jti="j" * 257), "jti"),
        (made(jti=7), "jti"),
        (made(body=b"[]"), "form"),
        (made(body=b"{"), "form"),
        (made(body=b"\xff"), "form"),
        (made(body=b'{"iat": NaN}'), "form"),
        (made(body=b'{"jti": "\\ud800"}'), "form"),
        (made(body=b"[" * 3000), "form"),
        ("", "form"),
        ("a.b", "form"),
        ("..", "form"),
        ("a.b.c.d", "form"),
        (made() + "$", "form"),
        (made() + "\u00fc", "form"),
        (made(x="x" * 4096), "form"),
        (made()[:-8], "signature"),
        (made().rsplit(".", 1)[0] + ".", "signature"),
        (made().rsplit(".", 1)[0] + "." + b64url(bytes(64)), "signature"),
        (made().replace(".", f".{b64url(b'{}')}.", 1).rsplit(".", 2)[0] + ".AAAA", "signature"),
    ],
    ids=itertools.count(),  # proofs differ in every run, and all processes must name the test alike
)
def test_a_wrong_proof_is_refused_by_name(proof: str, because: str) -> None:
    assert reason(proof) == because


def test_a_number_beyond_all_bounds_is_refused() -> None:
    body = json.dumps({"htm": "GET", "htu": URL, "jti": "j", "ath": RFC_ATH, "nonce": NONCES.current(NOW)})
    assert reason(made(body=body.replace("{", '{"iat": 1e999, ', 1).encode())) in {"form", "iat"}


def test_exactly_one_proof_is_needed() -> None:
    assert reason() == "count"
    assert reason(made(), made()) == "count"
    assert reason(f"{made()}, {made()}") == "form"


def test_a_proof_by_another_key_than_the_tokens_is_refused() -> None:
    assert reason(made(), expected_jkt=RFC_JKT) == "binding"


def test_a_body_under_the_signature_of_another_is_refused() -> None:
    head, _, signature = made().split(".")
    assert reason(f"{head}.{made(jti='j2').split('.')[1]}.{signature}") == "signature"


def test_a_proof_counts_once() -> None:
    replay = ReplayMemory()
    verified(made(), replay=replay)
    assert reason(made(), replay=replay) == "replay"
    assert verified(made(jti="j2"), replay=replay).jti == "j2"


def test_a_refused_proof_does_not_count_as_used() -> None:
    replay = ReplayMemory()
    reason(made(), replay=replay, method="POST")
    assert verified(made(), replay=replay).jti == "j1"


def test_a_proof_is_remembered_longer_than_it_could_be_accepted() -> None:
    replay = ReplayMemory()
    proof = made(nonce=NONCES.current(NOW))
    verified(proof, replay=replay)
    for later in range(130):
        assert reason(proof, replay=replay, now=NOW + later) in {"replay", "nonce"}
    assert reason(proof, now=NOW + 130) == "nonce"


def test_the_memory_is_bounded() -> None:
    replay = ReplayMemory(most=100)
    assert all(replay.is_first("k", str(number), NOW) for number in range(1000))
    assert len(replay) <= 101


def test_a_proof_without_nonce_counts_once_in_a_memory_that_overflows() -> None:
    replay = ReplayMemory(most=4)
    verified(made(jti="first"), replay=replay)
    for number in range(6):
        replay.is_first("k", str(number), NOW + number)
    with pytest.raises(DpopError) as refused:
        verified(made(jti="first"), replay=replay, now=NOW + 6)
    assert refused.value.needs_nonce


@pytest.mark.parametrize(
    ("because", "error"),
    [("binding", "invalid_token"), ("replay", "invalid_dpop_proof"), ("typ", "invalid_dpop_proof")],
)
def test_the_challenge_says_whose_fault_it_is(because: str, error: str) -> None:
    assert DpopError(because, "").error == error
    assert DpopError(because, "", needs_nonce=True).error == "use_dpop_nonce"
    assert challenge(error, max_age="5") == {
        "WWW-Authenticate": f'DPoP error="{error}", max_age="5", algs="ES256 ES384 EdDSA Ed25519"'
    }


def test_a_server_that_starts_again_takes_no_nonce_from_before_and_then_the_one_that_it_gives() -> None:
    def is_taken(server: ProofChecks, nonce: str, jti: str) -> bool:
        proof, about = made(nonce=nonce, jti=jti), {"access_token": RFC_ACCESS_TOKEN}
        try:
            server.check([proof], method="GET", url=URL, expected_jkt=thumbprint(JWK), **about)
        except DpopError as refused:
            return not refused.needs_nonce
        return True

    before = ProofChecks(b"s", demands_nonce=True)
    nonce, given_at = before.nonce(), time.time()
    while time.time() < given_at + 0.005:
        pass
    after = ProofChecks(b"s", demands_nonce=True)
    assert is_taken(before, nonce, "j1")
    assert not is_taken(after, nonce, "j1")
    assert is_taken(after, after.nonce(), "j2")
    assert is_taken(before, after.nonce(), "j3"), "a client may go from one process to the other"


def test_a_demanded_nonce_is_asked_for() -> None:
    with pytest.raises(DpopError) as refused:
        verified(made(), demand_nonce=True)
    assert refused.value.needs_nonce


def test_nonces_of_the_present_and_the_previous_minute_are_valid() -> None:
    given = {ago: Nonces(b"s" * 32).current(NOW - ago) for ago in (0, 60, 120)}
    assert {ago: NONCES.is_valid(nonce, NOW) for ago, nonce in given.items()} == {
        0: True,
        60: True,
        120: False,
    }
    assert not Nonces(b"t" * 32).is_valid(given[0], NOW)
