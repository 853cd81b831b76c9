-- Notices (what is to be told), mails (to whom it was), webhook endpoints, messages and attempts.

create table notice (
    tenant_id    uuid        not null,
    notice_id    uuid        not null,
    template     text        not null,
    business_key text        not null,
    role         text        not null,
    data         jsonb       not null,
    traceparent  text,
    state        text        not null default 'queued' check (state in ('queued', 'held', 'done')),
    due_at       timestamptz not null,
    tries        int         not null default 0,
    created_at   timestamptz not null,
    primary key (tenant_id, notice_id),
    unique (tenant_id, template, business_key)
);
create index notice_due on notice (due_at) where state <> 'done';

create table mail (
    tenant_id   uuid        not null,
    mail_id     uuid        not null,
    notice_id   uuid        not null,
    member_id   text        not null,
    locale      text        not null,
    state       text        not null check (state in ('sending', 'accepted', 'failed', 'suppressed')),
    changed_at  timestamptz not null,
    primary key (tenant_id, mail_id),
    unique (tenant_id, notice_id, member_id)
);

create table endpoint (
    tenant_id     uuid        not null,
    endpoint_id   uuid        not null,
    url           text        not null check (length(url) <= 2000),
    event_types   text[]      not null,
    sealed_secret bytea       not null,
    state         text        not null default 'active' check (state in ('active', 'disabled', 'deleted')),
    created_at    timestamptz not null,
    row_version   bigint      not null default 1,
    primary key (tenant_id, endpoint_id)
);

create table message (
    tenant_id    uuid        not null,
    message_id   text        not null,
    endpoint_id  uuid        not null,
    event_id     uuid        not null,
    type         text        not null,
    body         bytea       not null check (octet_length(body) <= 20480),
    traceparent  text,
    state        text        not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
    attempts     int         not null default 0,
    due_at       timestamptz not null,
    created_at   timestamptz not null,
    primary key (tenant_id, message_id),
    unique (tenant_id, endpoint_id, event_id)
);
create index message_due on message (due_at) where state = 'pending';

create table attempt (
    tenant_id   uuid        not null,
    message_id  text        not null,
    number      int         not null,
    at          timestamptz not null,
    status      int,
    error       text,
    duration_ms int         not null,
    address     text,
    snippet     text,
    primary key (tenant_id, message_id, number)
);

do $$
declare t text;
begin
    foreach t in array array['notice', 'mail', 'endpoint', 'message', 'attempt'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select, insert, update on %I to notifier_app, notifier_worker', t);
    end loop;
end $$;
