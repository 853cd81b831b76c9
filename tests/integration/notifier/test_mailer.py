"""Mails: once, in the reader's language, to an address that is asked for at the moment of sending and kept nowhere."""

from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from tests.integration.notifier.happened import activated
from tests.integration.notifier.stage import Stage

ADDRESS = "ada@customer.example"


@pytest.mark.parametrize(
    ("locale", "language", "subject", "greeting"),
    [
        ("en", "en", "Your subscription is active", "Hello Ada,"),
        ("fr", "fr", "Votre abonnement est actif", "Bonjour Ada,"),
        ("de", "en", "Your subscription is active", "Hello Ada,"),
    ],
)
async def test_an_activation_is_told_in_the_readers_language(
    stage: Stage, tenant_id: UUID, locale: str, language: str, subject: str, greeting: str
) -> None:
    stage.registry.add(ADDRESS, locale)
    await stage.hear(activated(tenant_id))
    assert await stage.mailer().send_due() == 1
    [mail] = stage.mails()
    assert (mail["subject"], mail["to"], mail["content-language"]) == (subject, ADDRESS, language)
    text, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert page is not None
    assert greeting in text.get_content()
    assert greeting in page.get_content()
    assert "2028-01-01" in text.get_content()
    assert "Acme & Sons" in text.get_content()
    assert "Acme &amp; Sons" in page.get_content()


async def test_its_headers_name_sender_time_and_an_id_of_its_own(stage: Stage, tenant_id: UUID) -> None:
    stage.registry.add(ADDRESS)
    await stage.hear(activated(tenant_id))
    await stage.mailer().send_due()
    [path] = stage.settings.mail_folder.iterdir()
    [mail] = stage.mails()
    [row] = await stage.rows("mail")
    assert path.name == f"{row['mail_id']}.eml"
    assert mail["message-id"] == f"<{row['mail_id']}@tenantry.example>"
    assert mail["from"] == stage.settings.mail_sender
    assert mail["date"].datetime == stage.clock.now().replace(microsecond=0)
    assert len(mail.get_all("to", [])) == len(mail.get_all("subject", [])) == 1


async def test_every_admin_gets_one_and_each_is_said(stage: Stage, tenant_id: UUID) -> None:
    members = {stage.registry.add("ada@a.example"), stage.registry.add("bob@a.example", "fr")}
    await stage.hear(activated(tenant_id))
    await stage.mailer().send_due()
    assert {mail["to"] for mail in stage.mails()} == {"ada@a.example", "bob@a.example"}
    told = await stage.said("notifier.mail.accepted.v1")
    assert {event["member_id"] for event in told} == members
    assert {event["template"] for event in told} == {"subscription_active"}
    assert await stage.mailer().send_due() == 0


async def test_the_address_is_the_one_of_the_moment_of_sending(stage: Stage, tenant_id: UUID) -> None:
    member = stage.registry.add("old@a.example")
    await stage.hear(activated(tenant_id))
    stage.registry.recipients.clear()
    stage.registry.add("new@a.example", member_id=member)
    await stage.mailer().send_due()
    assert [mail["to"] for mail in stage.mails()] == ["new@a.example"]
    assert stage.registry.asked == [
        f"/internal/v1/directory/tenants/{tenant_id}",
        f"/internal/v1/directory/tenants/{tenant_id}/recipients?role=IT_ADMIN",
    ]
    assert [form["audience"] for form in stage.issuer.asked] == [["registry"]]


async def test_neither_address_nor_name_is_stored_logged_or_said(stage: Stage, tenant_id: UUID) -> None:
    stage.registry.add(ADDRESS, name="Ada Lovelace")
    await stage.hear(activated(tenant_id))
    with capture_logs() as logs:
        await stage.mailer().send_due()
    assert len(stage.mails()) == 1
    kept = await stage.everything() + str(logs)
    assert "customer.example" not in kept
    assert "Lovelace" not in kept
    assert "Acme & Sons" not in kept


async def test_a_name_cannot_write_into_the_page_or_the_headers(stage: Stage, tenant_id: UUID) -> None:
    stage.registry.add(ADDRESS, name="<script>{{ 7 * 7 }}%(plan)s</script>\r\nBcc: all@a.example")
    stage.registry.name = "<img src=x>"
    await stage.hear(activated(tenant_id))
    await stage.mailer().send_due()
    [mail] = stage.mails()
    page = mail.get_body(("html",))
    assert page is not None
    assert "<script>" not in page.get_content()
    assert "<img" not in page.get_content()
    assert "{{ 7 * 7 }}%(plan)s" in page.get_content()
    assert mail["bcc"] is None


async def test_a_mail_that_cannot_be_made_stops_no_other(stage: Stage, tenant_id: UUID) -> None:
    stage.registry.add("broken@a.example\r\nBcc: all@a.example")
    await stage.hear(activated(tenant_id))
    with capture_logs() as logs:
        await stage.mailer().send_due()
    assert [entry["event"] for entry in logs] == ["mailer.failed"]
    assert "a.example" not in str([{**entry, "exc_info": None} for entry in logs])
    stage.registry.recipients.clear()
    stage.registry.add(ADDRESS)
    await stage.hear(activated(tenant_id, sales_order="SO-2"))
    await stage.mailer().send_due()
    assert [mail["to"] for mail in stage.mails()] == [ADDRESS]


async def test_a_mail_is_in_the_folder_whole_or_not_at_all(
    stage: Stage, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.registry.add(ADDRESS)
    await stage.hear(activated(tenant_id))
    seen: list[tuple[list[str], str]] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        assert self.parent == target.parent, "a rename is atomic within one file system only"
        seen.append(([path.name for path in self.parent.glob("*.eml")], self.read_bytes().decode()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    await stage.mailer().send_due()
    [(visible, content)] = seen
    assert visible == []
    assert content.rstrip().endswith("--")
    assert [path.suffix for path in stage.settings.mail_folder.iterdir()] == [".eml"]
