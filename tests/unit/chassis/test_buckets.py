"""Token buckets."""

from chassis.buckets import Buckets


def test_a_bucket_fills_with_time_and_never_beyond_its_burst() -> None:
    buckets = Buckets(rate=2.0, burst=3, most=10)
    assert [buckets.take("a", 100.0) for _ in range(4)] == [True, True, True, False]
    assert [buckets.take("a", 100.5) for _ in range(2)] == [True, False]
    assert [buckets.take("a", 900.0) for _ in range(4)] == [True, True, True, False]
    assert not buckets.take("a", 100.0), "a clock that goes back gives nothing"


def test_buckets_are_bounded_in_number() -> None:
    buckets = Buckets(rate=1.0, burst=1, most=2)
    for name in ("a", "b", "c"):
        assert buckets.take(name, 0.0)
    assert not buckets.take("c", 0.0)
    assert buckets.take("a", 0.0), "the one not used for longest was forgotten"
