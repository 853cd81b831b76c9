-- The catalogue with its history, what a tenant was granted by hand, and what it used.

alter table product
    add column status       text        not null default 'published' check (status in ('published', 'retired')),
    add column checksum     text        not null default '',
    add column published_at timestamptz not null default '2026-01-01T00:00:00Z';

create table product_version (
    key          text        not null references product (key),
    version      text        not null,
    manifest     jsonb       not null,
    checksum     text        not null,
    published_at timestamptz not null,
    primary key (key, version)
);
grant select, insert, update on product to registry_app;
grant select, insert on product_version to registry_app;
grant select on product_version to registry_worker;

alter table tenant_product
    add column config jsonb not null default '{}',
    add column reason text;

-- Totals by day; a batch counts once.
create table usage_batch (
    product_key text        not null,
    batch_id    uuid        not null,
    tenant_id   uuid        not null,
    received_at timestamptz not null,
    primary key (tenant_id, product_key, batch_id)
);
create table usage_daily (
    tenant_id   uuid   not null,
    project     text   not null,
    product_key text   not null,
    metric      text   not null,
    day         date   not null,
    quantity    bigint not null check (quantity >= 0),
    primary key (tenant_id, product_key, metric, day, project)
);
create table quota_reached (
    tenant_id   uuid        not null,
    product_key text        not null,
    metric      text        not null,
    quota       bigint      not null,
    reached_at  timestamptz not null,
    primary key (tenant_id, product_key, metric)
);

do $$
declare t text;
begin
    foreach t in array array['usage_batch', 'usage_daily', 'quota_reached'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select, insert, update on %I to registry_app', t);
        execute format('grant select on %I to registry_worker', t);
    end loop;
end $$;

update product set manifest = case key
    when 'ai_console' then '{
        "key": "ai_console", "version": "1.0.0",
        "name": {"en": "AI console", "fr": "Console IA"},
        "description": {"en": "Administration of AI assistants", "fr": "Administration des assistants IA"},
        "frontend": {"type": "interactive"}, "plans": ["professional", "enterprise"], "in_trial": true,
        "trial_quota": {"requests": 1000}, "supports_projects": true, "pricing_tier": "per_seat",
        "actions": [{"key": "flush_queue", "is_destructive": false}, {"key": "reset_state", "is_destructive": true}],
        "role_map": {"IT_ADMIN": "admin", "CXO": "member", "USER": "member", "FINANCE": "viewer", "LEGAL": "viewer"}}'::jsonb
    when 'compliance_suite' then '{
        "key": "compliance_suite", "version": "1.0.0",
        "name": {"en": "Compliance suite", "fr": "Suite de conformité"},
        "description": {"en": "Evidence and approvals", "fr": "Preuves et approbations"},
        "frontend": {"type": "interactive"}, "plans": ["enterprise"], "in_trial": true,
        "trial_quota": {"documents": 100}, "supports_projects": false, "pricing_tier": "flat",
        "actions": [{"key": "rotate_keys", "is_destructive": true}],
        "role_map": {"LEGAL": "approver", "IT_ADMIN": "admin", "USER": "contributor"}}'::jsonb
    when 'notetaker' then '{
        "key": "notetaker", "version": "1.0.0",
        "name": {"en": "Notetaker", "fr": "Preneur de notes"},
        "description": {"en": "Minutes of meetings", "fr": "Comptes rendus de réunions"},
        "frontend": {"type": "headless"}, "plans": ["starter", "professional", "enterprise"], "in_trial": true,
        "trial_quota": {"minutes": 600}, "supports_projects": true, "pricing_tier": "per_use",
        "actions": [{"key": "flush_queue", "is_destructive": false}], "role_map": {}}'::jsonb
    else manifest end;
