-- API keys: what is kept of each, and the warnings planned before it expires.

create table api_key (
    key_id         uuid        primary key,
    tenant_id      uuid        not null,
    name           text        not null check (length(name) between 1 and 200),
    pepper_id      text        not null check (length(pepper_id) between 1 and 32),
    digest         bytea       not null unique check (length(digest) = 32),
    prefix         text        not null check (prefix ~ '^tk_(live|test)_[0-9A-Za-z]{4}$'),
    last_four      text        not null check (last_four ~ '^[0-9A-Za-z]{4}$'),
    project_id     text        not null check (length(project_id) between 1 and 64),
    product_key    text        not null references product (key),
    scopes         text[]      not null check (cardinality(scopes) between 1 and 50),
    created_by     text        not null,
    created_at     timestamptz not null,
    expires_at     timestamptz check (expires_at > created_at),
    predecessor_id uuid        unique,
    successor_id   uuid        unique,
    retires_at     timestamptz,
    revoked_at     timestamptz,
    revoked_by     text,
    revoked_reason text        check (revoked_reason in ('revoked', 'leaked')),
    last_used_at   timestamptz,
    row_version    bigint      not null default 1,
    check ((successor_id is null) = (retires_at is null)),
    check ((revoked_at is null) = (revoked_reason is null) and (revoked_at is null) = (revoked_by is null))
);
create index api_key_of_tenant on api_key (tenant_id, key_id);

-- A row without `done_at` is a plan; open rows go when the key is revoked or gets a successor.
create table api_key_warning (
    tenant_id  uuid        not null,
    key_id     uuid        not null references api_key (key_id) on delete cascade,
    days_left  int         not null check (days_left >= 0),
    due_at     timestamptz not null,
    try_at     timestamptz not null,
    attempts   int         not null default 0,
    last_error text,
    done_at    timestamptz,
    primary key (key_id, days_left)
);
create index api_key_warning_open on api_key_warning (due_at, key_id) where done_at is null;

do $$
declare t text;
begin
    foreach t in array array['api_key', 'api_key_warning'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select on %I to registry_worker', t);
    end loop;
end $$;
grant select, insert on api_key to registry_app;
grant update (successor_id, retires_at, revoked_at, revoked_by, revoked_reason, row_version) on api_key to registry_app;
grant update (last_used_at) on api_key to registry_worker;
grant select, insert, delete on api_key_warning to registry_app;
grant update (try_at, attempts, last_error, done_at) on api_key_warning to registry_worker;
