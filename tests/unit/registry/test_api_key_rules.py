"""Peppers, buckets, memory and the order of reasons, without a database."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.registry.api_keys.memory import Memory
from services.registry.api_keys.model import Asked, Code, KnownKey, judge, keep_seconds, warnings_of
from services.registry.api_keys.peppers import Peppers
from tests.integration.registry.key_stage import NEWER_PEPPER, PEPPER, settings_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECRET = base64.b64encode(b"a secret that nobody may see.....").decode()


def known_key(**changed: object) -> KnownKey:
    found = KnownKey(
        uuid4(), uuid4(), "default", "ai_console", ("read",), None, False, "active", "starter", 3, True, None
    )
    return replace(found, **changed)  # type: ignore[arg-type]


class Line:
    """What memory asks of the news."""

    def __init__(self) -> None:
        self.generation = 1
        self.is_live = True


def remembered(memory: Memory, line: Line, known: KnownKey, digest: bytes = b"d") -> KnownKey:
    memory.end(memory.begin(line, 0.0), digest, known, line)
    return known


@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET,
        f":{SECRET}",
        f"p1:{SECRET},",
        f"p1:{SECRET},p1:{SECRET}",
        "p1:short",
        "p1:" + base64.b64encode(b"x" * 31).decode(),
        f"p1:{SECRET}!!",
        f"a space:{SECRET}",
        f"{'p' * 33}:{SECRET}",
    ],
)
def test_unusable_peppers_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"entry \d has no id|given twice|not base64|shorter than"
    ) as refused:
        Peppers(text)
    assert SECRET not in str(refused.value)
    with pytest.raises(ValidationError) as unset:
        settings_of(key_peppers=text)
    assert SECRET not in str(unset.value)


def test_the_first_pepper_issues_and_all_of_them_verify() -> None:
    both = Peppers(f"{NEWER_PEPPER}, {PEPPER}")
    assert both.newest == "p2"
    assert both.digest("key") == Peppers(NEWER_PEPPER).digest("key")
    assert both.digests("key") == [Peppers(NEWER_PEPPER).digest("key"), Peppers(PEPPER).digest("key")]
    assert len({both.digest("key"), both.digest("kez"), Peppers(PEPPER).digest("key")}) == 3


def test_reasons_come_in_an_order_that_tells_strangers_nothing() -> None:
    ruined = known_key(is_revoked=True, ends_at=NOW, tenant_status="archived", has_product=False, scopes=())
    asked = Asked("notetaker", tenant_id=uuid4(), scope="write")
    codes = []
    for mend in (
        {},
        {"tenant_id": asked.tenant_id},
        {"product": "notetaker"},
        {"is_revoked": False},
        {"ends_at": NOW + timedelta(seconds=1)},
        {"tenant_status": "frozen"},
        {"tenant_status": "trial"},
        {"has_product": True},
        {"scopes": ("write",)},
        {"product_ends_at": NOW},
    ):
        ruined = replace(ruined, **mend)
        codes.append(judge(ruined, asked, NOW))
    assert codes == [
        Code.WRONG_TENANT, Code.WRONG_PRODUCT, Code.REVOKED, Code.EXPIRED, Code.TENANT_ARCHIVED, Code.TENANT_FROZEN,
        Code.WRONG_PRODUCT, Code.INSUFFICIENT_SCOPE, Code.VALID, Code.WRONG_PRODUCT,
    ]  # fmt: skip


def test_an_answer_is_never_kept_beyond_the_end_of_what_it_says() -> None:
    soon, sooner = NOW + timedelta(seconds=9.9), NOW + timedelta(seconds=5)
    assert keep_seconds(known_key(), NOW, 30) == 30
    assert keep_seconds(known_key(ends_at=soon), NOW, 30) == 9
    assert keep_seconds(known_key(ends_at=soon, product_ends_at=sooner), NOW, 30) == 5
    assert keep_seconds(known_key(ends_at=NOW + timedelta(days=9)), NOW, 30) == 30


def test_warnings_whose_day_has_passed_are_not_planned() -> None:
    def days(**left: float) -> list[int]:
        return [day for day, _ in warnings_of(NOW + timedelta(**left), NOW)]

    assert warnings_of(None, NOW) == []
    assert (days(days=20), days(days=14), days(days=13), days(hours=1)) == ([14, 3, 0], [3, 0], [3, 0], [0])


def test_memory_serves_only_while_the_line_is_live_and_in_the_same_generation() -> None:
    memory, line = Memory(10, 30.0), Line()
    known = remembered(memory, line, known_key())
    assert memory.get(b"d", line, 1.0) == known
    line.is_live = False
    assert memory.get(b"d", line, 1.0) is None
    line.is_live = True
    assert memory.get(b"d", line, 1.0) == known, "a late beat brings it back: nothing was missed"
    line.generation = 2
    assert memory.get(b"d", line, 1.0) is None
    line.generation = 1
    assert memory.get(b"d", line, 1.0) is None, "what was dropped stays dropped"


def test_memory_serves_nothing_that_is_too_old() -> None:
    memory, line = Memory(10, 30.0), Line()
    known = remembered(memory, line, known_key())
    assert memory.get(b"d", line, 29.9) == known
    assert memory.get(b"d", line, 30.0) is None


@pytest.mark.parametrize("about", ["key", "tenant"])
def test_what_was_said_while_the_database_was_asked_is_not_overwritten(about: str) -> None:
    memory, line = Memory(10, 30.0), Line()
    known = known_key()
    headers = {"ce-subject": f"api_key/{known.key_id}", "ce-tenantid": str(known.tenant_id)}
    if about == "tenant":
        headers["ce-subject"] = f"tenant/{known.tenant_id}"
    load = memory.begin(line, 0.0)
    memory.hear("", headers)
    memory.end(load, b"d", known, line)
    assert memory.get(b"d", line, 1.0) is None
    remembered(memory, line, known)
    assert memory.get(b"d", line, 1.0) == known, "a look that began later is good"
    memory.hear("", headers)
    assert memory.get(b"d", line, 1.0) is None


def test_what_was_loaded_across_a_loss_of_the_line_is_not_remembered() -> None:
    memory, line = Memory(10, 30.0), Line()
    load = memory.begin(line, 0.0)
    line.generation = 2
    memory.end(load, b"d", known_key(), line)
    assert len(memory) == 0
    load = memory.begin(line, 0.0)
    line.is_live = False
    memory.end(load, b"d", known_key(), line)
    assert len(memory) == 0


def test_news_of_one_key_leaves_the_others_and_news_of_a_tenant_takes_all_of_its_keys() -> None:
    memory, line = Memory(10, 30.0), Line()
    tenant_id = uuid4()
    keys = [known_key(tenant_id=tenant_id) for _ in range(3)] + [known_key()]
    for digest, known in zip(b"abcd", keys, strict=True):
        remembered(memory, line, known, bytes([digest]))
    memory.hear("", {"ce-subject": f"api_key/{keys[0].key_id}", "ce-tenantid": str(tenant_id)})
    assert [memory.get(bytes([digest]), line, 1.0) is not None for digest in b"abcd"] == [
        False, True, True, True,
    ]  # fmt: skip
    memory.hear("", {"ce-subject": f"tenant/{tenant_id}", "ce-tenantid": str(tenant_id)})
    assert [memory.get(bytes([digest]), line, 1.0) is not None for digest in b"abcd"] == [
        False, False, False, True,
    ]  # fmt: skip


def test_memory_is_bounded_and_keeps_no_names_of_what_it_forgot() -> None:
    memory, line = Memory(3, 30.0), Line()
    for number in range(20):
        remembered(memory, line, known_key(), bytes([number]))
        memory.get(bytes([0]), line, 1.0)
    assert len(memory) == 3
    assert memory.get(bytes([0]), line, 1.0) is not None, "what is used stays"
    assert len(memory._keys) == 7, "a key, a tenant for each, and the product of all"
    assert not memory._loads
