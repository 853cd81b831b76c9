"""Templates and catalogues: every mail in every language, the same keys, placeholders and links."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from jinja2 import UndefinedError

from chassis.ids import uuid7
from services.notifier.mails import HERE, LOCALES, Recipient, catalogue, environment, render
from services.notifier.model import MAILS

TEMPLATES = sorted(path.stem for path in (HERE / "templates").glob("*.txt"))
PLACEHOLDER = re.compile(r"%\(\w+\)s|https?://\S+")
TRANSLATED = [locale for locale in LOCALES if locale != "en"]
DATA: dict[str, dict[str, Any]] = {
    "subscription_active": {
        "tenant": "Acme 100 % & Sons",
        "plan": "professional",
        "products": ["notetaker", "desk"],
        "contract_end": "2028-01-01",
    },
    "lead_received": {
        "tenant": "",
        "company": "Acme 100 % & Sons",
        "kind": "product_request",
        "product_key": "notetaker",
        "plan": None,
        "seats": 40,
        "volume": 7,
        "why": "Minutes & notes",
    },
    "trial_verification": {
        "tenant": "",
        "company": "Acme 100 % & Sons",
        "link": "https://portal.example/trials/verify#token=abc",
        "until": "2028-01-01 09:00 UTC",
    },
    "demo_reset_failed": {"tenant": "", "night": "2028-01-01", "faults": ["notetaker: Acme 100 % & Sons"]},
}
SHOWN: dict[str, list[str]] = {
    "subscription_active": ["notetaker", "desk", "professional"],
    "lead_received": ["product_request", "notetaker", "40", "7"],
    "trial_verification": ["https://portal.example/trials/verify#token=abc", "2028-01-01 09:00 UTC"],
    "demo_reset_failed": ["2028-01-01", "notetaker"],
}
"""An example for each template; one without fails the tests below."""


def keys_of(template: str) -> Iterator[str]:
    """What a template gives to gettext."""
    for kind in ("txt", "html"):
        source = (HERE / "templates" / f"{template}.{kind}").read_text()
        for _, _, message in environment("en").extract_translations(source):  # type: ignore[attr-defined]  # of i18n
            yield from ([message] if isinstance(message, str) else filter(None, message))


def rendered(template: str, locale: str, **changes: Any) -> Any:
    recipient = Recipient("m1", "ada@a.example", "Ada", locale)
    data = {**DATA[template], **changes}
    return render(template, recipient, data, uuid7(), "Tenantry <us@a.example>", datetime.now(UTC))


def test_every_mail_has_both_its_forms_and_an_example() -> None:
    assert {rule.template for rule in MAILS.values()} <= set(TEMPLATES)
    assert sorted(path.stem for path in (HERE / "templates").glob("*.html")) == TEMPLATES
    assert sorted(DATA) == TEMPLATES


@pytest.mark.parametrize("locale", TRANSLATED)
def test_a_catalogue_has_what_the_templates_use_and_nothing_else(locale: str) -> None:
    assert set(catalogue(locale)) == {key for template in TEMPLATES for key in keys_of(template)}


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_message_is_translated_with_the_same_placeholders_and_links(locale: str) -> None:
    for key, text in catalogue(locale).items():
        assert text.strip(), key
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(key)), key


def test_there_is_a_catalogue_for_each_language_and_no_other() -> None:
    assert sorted(path.stem for path in (HERE / "locale").glob("*.po")) == sorted(TRANSLATED)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("end", ["2028-01-01", None])
def test_every_template_renders_in_every_language(template: str, locale: str, end: str | None) -> None:
    mail = rendered(template, locale, contract_end=end)
    text, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert mail["subject"].strip()
    assert mail["content-language"] == locale
    for shown in ("Ada", *SHOWN[template]):
        assert shown in text
        assert shown in page
    assert f'<html lang="{locale}">' in page
    assert "Acme 100 % & Sons" in text
    assert "Acme 100 % &amp; Sons" in page
    assert "%(" not in text + page
    if template == "subscription_active":
        assert ("2028-01-01" in text) == ("2028-01-01" in page) == (end is not None)


@pytest.mark.parametrize("template", TEMPLATES)
def test_languages_differ_in_subject_and_text(template: str) -> None:
    english, french = (rendered(template, locale) for locale in ("en", "fr"))
    assert english["subject"] != french["subject"]
    assert english.get_body(("plain",)).get_content() != french.get_body(("plain",)).get_content()


def test_a_value_that_a_template_misses_is_an_error_and_no_gap() -> None:
    data = {"tenant": "Acme"}
    with pytest.raises(UndefinedError):
        render("subscription_active", Recipient("m1", "a@a.example", "A", "en"), data, uuid7(), "us@a.example",
               datetime.now(UTC))  # fmt: skip
