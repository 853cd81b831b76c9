-- name: add_notice!
insert into notice (tenant_id, notice_id, template, business_key, role, data, traceparent, due_at, created_at)
values (:tenant_id::uuid, :notice_id::uuid, :template::text, :business_key::text, :role::text, :data::jsonb,
        :traceparent::text, :now::timestamptz, :now::timestamptz)
on conflict (tenant_id, template, business_key) do nothing;

-- name: due_notices
select tenant_id, notice_id, template, role, data, traceparent, tries from notice
where state <> 'done' and due_at <= :now::timestamptz order by due_at limit :most::int for update skip locked;

-- name: claim_notice!
-- Out of reach of other processes until the lease ends, or until this one says what became of it.
update notice set due_at = :until::timestamptz, tries = tries + 1
where tenant_id = :tenant_id::uuid and notice_id = :notice_id::uuid;

-- name: hold_notice!
update notice set state = 'held', due_at = :due_at::timestamptz
where tenant_id = :tenant_id::uuid and notice_id = :notice_id::uuid;

-- name: finish_notice!
update notice set state = 'done' where tenant_id = :tenant_id::uuid and notice_id = :notice_id::uuid;

-- name: begin_mail^
-- A mail that is already accepted answers no row; one left in sending by a crash is sent again under the same id.
insert into mail (tenant_id, mail_id, notice_id, member_id, locale, state, changed_at)
values (:tenant_id::uuid, :mail_id::uuid, :notice_id::uuid, :member_id::text, :locale::text, 'sending', :now::timestamptz)
on conflict (tenant_id, notice_id, member_id) do update set changed_at = excluded.changed_at
where mail.state = 'sending'
returning mail_id;

-- name: finish_mail$
-- Answers only the first time, so that the event is said once.
update mail set state = 'accepted', changed_at = :now::timestamptz
where tenant_id = :tenant_id::uuid and mail_id = :mail_id::uuid and state = 'sending'
returning mail_id;

-- name: suppress_mail$
update mail set state = 'suppressed', changed_at = :now::timestamptz
where tenant_id = :tenant_id::uuid and mail_id = :mail_id::uuid and state = 'sending'
returning mail_id;

-- name: mails_of_tenant
select mail.mail_id, mail.member_id, mail.locale, mail.state, mail.changed_at, notice.template
from mail join notice using (tenant_id, notice_id)
where mail.tenant_id = :tenant_id::uuid order by mail.mail_id desc limit :most::int;

-- name: add_endpoint!
insert into endpoint (tenant_id, endpoint_id, url, event_types, sealed_secret, created_at)
values (:tenant_id::uuid, :endpoint_id::uuid, :url::text, :event_types::text[], :sealed_secret::bytea, :now::timestamptz);

-- name: endpoints_of_tenant
select endpoint_id, url, event_types, state, created_at, row_version from endpoint
where tenant_id = :tenant_id::uuid and state <> 'deleted' order by endpoint_id;

-- name: sealed_secret$
select sealed_secret from endpoint
where tenant_id = :tenant_id::uuid and endpoint_id = :endpoint_id::uuid and state <> 'deleted';

-- name: delete_endpoint$
update endpoint set state = 'deleted', row_version = row_version + 1
where tenant_id = :tenant_id::uuid and endpoint_id = :endpoint_id::uuid and state <> 'deleted'
returning endpoint_id;

-- name: add_message!
insert into message (tenant_id, message_id, endpoint_id, event_id, type, body, traceparent, due_at, created_at)
values (:tenant_id::uuid, :message_id::text, :endpoint_id::uuid, :event_id::uuid, :type::text, :body::bytea,
        :traceparent::text, :now::timestamptz, :now::timestamptz)
on conflict (tenant_id, endpoint_id, event_id) do nothing;

-- name: due_messages
select message.tenant_id, message.message_id, message.endpoint_id, message.type, message.body, message.traceparent,
       message.attempts, endpoint.url, endpoint.sealed_secret, endpoint.state as endpoint_state
from message join endpoint using (tenant_id, endpoint_id)
where message.state = 'pending' and message.due_at <= :now::timestamptz
order by message.due_at limit :most::int for update of message skip locked;

-- name: claim_message!
update message set attempts = attempts + 1, due_at = :until::timestamptz
where tenant_id = :tenant_id::uuid and message_id = :message_id::text;

-- name: add_attempt!
insert into attempt (tenant_id, message_id, number, at, status, error, duration_ms, address, snippet)
values (:tenant_id::uuid, :message_id::text, :number::int, :at::timestamptz, :status::int, :error::text,
        :duration_ms::int, :address::text, :snippet::text)
on conflict do nothing;

-- name: settle_message$
-- Answers nothing where another process, to which an ended lease gave the message, has settled it for good.
update message set state = :state::text, due_at = :due_at::timestamptz
where tenant_id = :tenant_id::uuid and message_id = :message_id::text and state = 'pending'
returning message_id;

-- name: deliveries
select message.message_id, message.endpoint_id, message.type, message.state, message.attempts, message.created_at,
       attempt.number, attempt.at, attempt.status, attempt.error, attempt.duration_ms, attempt.address, attempt.snippet
from message left join attempt using (tenant_id, message_id)
where message.tenant_id = :tenant_id::uuid
order by message.created_at desc, attempt.number limit :most::int;
