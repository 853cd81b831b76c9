"""A mail's text: sandboxed templates, gettext catalogues, and the message as it goes out."""

import functools
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from babel.messages.pofile import read_po
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = Path(__file__).parent
LOCALES = ("en", "fr")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Read from the registry at the moment of sending; never stored here."""

    member_id: str
    email: str
    name: str
    locale: str


@functools.cache
def catalogue(locale: str) -> dict[str, str]:
    """Message → translation; English messages are their own."""
    if locale == "en":
        return {}
    with (HERE / "locale" / f"{locale}.po").open("rb") as file:
        return {
            str(message.id): str(message.string) for message in read_po(file, locale=locale) if message.id
        }


@functools.cache
def environment(locale: str) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=lambda name: bool(name) and str(name).endswith(".html"),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    texts = catalogue(locale)
    made.install_gettext_callables(  # type: ignore[attr-defined]  # added by the i18n extension
        lambda text: texts.get(text, text),
        lambda one, many, number: texts.get(one, one) if number == 1 else texts.get(many, many),
        newstyle=True,
    )
    return made


def render(
    template: str, recipient: Recipient, data: dict[str, Any], mail_id: UUID, sender: str, at: datetime
) -> EmailMessage:
    """The mail in the recipient's language (else English), text and HTML; its Message-ID follows from `mail_id`."""
    locale = recipient.locale if recipient.locale in LOCALES else "en"
    values = {**data, "name": recipient.name, "locale": locale}
    text = environment(locale).get_template(f"{template}.txt").render(values)
    page = environment(locale).get_template(f"{template}.html").render(values)
    subject, _, body = text.partition("\n")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient.email
    message["Subject"] = subject.strip()
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail_id}@tenantry.example>"
    message.set_content(body.strip() + "\n")
    message.add_alternative(page, subtype="html")
    message["Content-Language"] = locale  # last: making alternatives moves such headers into the first part
    return message
