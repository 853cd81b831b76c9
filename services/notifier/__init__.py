"""Notifier: tells people and systems what happened, once, in their language, and keeps what became of it.

Owns notices, mails, webhook endpoints and messages. Says `notifier.mail.accepted|suppressed.v1`,
`notifier.webhook.message_dead.v1`. Hears the registry.
"""
