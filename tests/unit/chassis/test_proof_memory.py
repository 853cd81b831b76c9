"""Nonces and the memory of used proofs: together they never take a proof twice, however small the memory is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.proof_memory import MAC_BYTES, STAMP_BYTES, Nonces, ReplayMemory

NOW = 1_800_000_000.0
AHEAD = 7.0
STEPS = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 5), st.booleans()), min_size=1, max_size=200)


def test_the_same_nonce_is_given_for_a_while_and_a_later_one_after_it() -> None:
    nonces = Nonces(b"s")
    assert nonces.current(NOW) == nonces.current(NOW + 9.9) != nonces.current(NOW + 10)


def test_processes_with_the_same_secret_take_each_others_nonces() -> None:
    assert Nonces(b"s").is_valid(Nonces(b"s").current(NOW), NOW + 119)
    assert not Nonces(b"s").is_valid(Nonces(b"t").current(NOW), NOW)


@pytest.mark.parametrize(
    "nonce", ["", "x", "AAAA", "A" * 24, "A" * 4096, "ü", "=", "\0"], ids=lambda nonce: repr(nonce[:8])
)
def test_what_is_no_nonce_of_ours_is_refused(nonce: str) -> None:
    assert not Nonces(b"s").is_valid(nonce, NOW)


def test_no_single_changed_bit_is_taken() -> None:
    nonces = Nonces(b"s")
    good = nonces.current(NOW)
    assert len(good) == (STAMP_BYTES + MAC_BYTES) * 4 // 3
    for place in range(len(good)):
        changed = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        assert not nonces.is_valid(changed, NOW)


def test_a_process_takes_no_nonce_from_before_its_start_and_gives_one_that_it_takes() -> None:
    earlier, started = Nonces(b"s").current(NOW), NOW + 3.0007
    later = Nonces(b"s")
    assert not later.is_valid(earlier, started, since=started)
    assert later.is_valid(later.current(started, since=started), started, since=started)
    assert Nonces(b"s").is_valid(later.current(started, since=started), started), "the older process takes it"


def test_a_process_gives_nonces_as_young_as_the_youngest_that_it_took() -> None:
    """So a client that goes to and fro between it and one that started a moment ago is asked once."""
    old, young, started = Nonces(b"s"), Nonces(b"s"), NOW + 3
    given = young.current(started, since=started)
    assert not young.is_valid(old.current(started), started, since=started)
    assert old.is_valid(given, started)
    assert young.is_valid(old.current(started), started, since=started)


@given(STEPS)
def test_a_proof_is_never_taken_twice_by_a_memory_that_overflows(
    steps: list[tuple[float, int, bool]],
) -> None:
    """Each step lets time pass, then sends a new proof and one of those that were taken before.

    The nonce may come from another process, whose clock goes before ours.
    """
    now, nonces, memory = NOW, Nonces(b"s"), ReplayMemory(most=4, since=NOW)
    other = Nonces(b"s")
    taken: list[tuple[str, str]] = []

    def is_taken(nonce: str, jti: str) -> bool:
        return nonces.is_valid(nonce, now, memory.since) and memory.is_first(
            "k", jti, max(now, nonces.latest)
        )

    for number, (pause, back, is_elsewhere) in enumerate(steps):
        now += pause
        given = other.current(now + AHEAD) if is_elsewhere else nonces.current(now, memory.since)
        fresh = (given, f"j{number}")
        is_good = is_taken(*fresh)
        assert is_good or is_elsewhere, "who uses the nonce that was just given comes in"
        if is_good:
            taken.append(fresh)
        if not taken:
            continue
        again = taken[-1 - back] if back < len(taken) else taken[0]
        assert not is_taken(*again)
