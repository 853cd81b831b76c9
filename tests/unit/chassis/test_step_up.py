"""Step-up (RFC 9470): who needs a second factor, a fresher one, and what they are told."""

import pytest

from chassis import auth, dpop
from chassis.step_up import InsufficientAuthentication, require_second_factor
from contracts.claims import Claims

NOW = 1_800_000_000


def claims(acr: str | None, auth_time: int | None) -> Claims:
    return Claims("m", "t", frozenset(), NOW + 900, acr=acr, auth_time=auth_time)


@pytest.mark.parametrize(
    ("acr", "auth_time", "max_age"),
    [("mfa", NOW, 300), ("mfa", NOW - 300, 300), ("phr", NOW - 1, 300), ("mfa", None, None), ("2", 0, None)],
)
def test_a_second_factor_that_is_fresh_enough_is_taken(
    acr: str, auth_time: int | None, max_age: int | None
) -> None:
    require_second_factor(claims(acr, auth_time), dpop.challenge, now=NOW, max_age=max_age)


@pytest.mark.parametrize(
    ("acr", "auth_time"), [("mfa", NOW - 301), ("mfa", None), ("pwd", NOW), (None, NOW), ("", None)]
)
def test_everybody_else_is_told_what_to_ask_the_issuer_for(acr: str | None, auth_time: int | None) -> None:
    with pytest.raises(InsufficientAuthentication) as refused:
        require_second_factor(claims(acr, auth_time), dpop.challenge, now=NOW, max_age=300)
    assert refused.value.headers["WWW-Authenticate"] == (
        'DPoP error="insufficient_user_authentication", acr_values="mfa", max_age="300",'
        ' algs="ES256 ES384 EdDSA Ed25519"'
    )
    assert refused.value.extras == {"acr_values": "mfa", "max_age": 300}


def test_where_any_age_will_do_none_is_asked_for() -> None:
    with pytest.raises(InsufficientAuthentication) as refused:
        require_second_factor(claims("pwd", NOW), auth.challenge)
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="mfa"'
    assert refused.value.headers["WWW-Authenticate"] == challenge
    assert refused.value.extras == {"acr_values": "mfa"}
