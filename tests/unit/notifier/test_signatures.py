"""Standard Webhooks signatures, and secrets at rest."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from services.notifier.signatures import PREFIX, Sealing, new_secret, sign

KEY = base64.b64encode(b"k" * 32).decode()


@given(st.binary(max_size=200), st.from_regex(r"msg_[0-9a-f]{32}", fullmatch=True))
def test_the_standards_own_library_makes_the_same_signature(body: bytes, message_id: str) -> None:
    secret, at = new_secret(), datetime.now(UTC)
    text = body.decode("latin-1")
    ours = sign(secret, message_id, at, text.encode())
    assert ours["webhook-signature"] == Webhook(secret).sign(message_id, at, text)
    assert (ours["webhook-id"], ours["webhook-timestamp"]) == (message_id, str(int(at.timestamp())))


def test_the_example_of_the_specification_is_met() -> None:
    """From the test vectors of the reference libraries."""
    headers = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_has_the_prefix_and_24_random_bytes() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(base64.b64decode(new_secret().removeprefix(PREFIX))) == 24


def test_a_sealed_secret_is_unreadable_and_opens_for_its_endpoint_alone() -> None:
    secret, sealing = new_secret(), Sealing(KEY)
    sealed = sealing.seal(secret, "endpoint-1")
    assert secret.encode() not in sealed
    assert sealed != sealing.seal(secret, "endpoint-1"), "each seal has a nonce of its own"
    assert sealing.open(sealed, "endpoint-1") == secret
    for cipher, endpoint, what in [
        (sealing, "endpoint-2", sealed),
        (Sealing(base64.b64encode(b"x" * 32).decode()), "endpoint-1", sealed),
        (sealing, "endpoint-1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ]:
        with pytest.raises(InvalidTag):
            cipher.open(what, endpoint)
