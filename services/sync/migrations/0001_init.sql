-- Tenants as far as sync must know, records with their place in the scope's sequence, producers and what became of each action.

create table directory (
    tenant_id         uuid   primary key,
    status            text   not null,
    aggregate_version bigint not null
);

create table scope_counter (
    tenant_id  uuid   not null,
    scope      text   not null,
    collection text   not null,
    seq        bigint not null default 0,
    primary key (tenant_id, scope, collection)
);

create table record (
    tenant_id  uuid   not null,
    scope      text   not null,
    collection text   not null,
    key        text   not null check (length(key) between 1 and 200),
    version    bigint not null check (version > 0),
    seq        bigint not null,
    is_deleted bool   not null default false,
    value      jsonb  not null,
    origin     jsonb,
    primary key (tenant_id, scope, collection, key)
);
create unique index record_by_seq on record (tenant_id, scope, collection, seq);

create table producer (
    tenant_id uuid   not null,
    device_id uuid   not null,
    epoch     bigint not null check (epoch > 0),
    last_mid  bigint not null default 0,
    primary key (tenant_id, device_id)
);

create table action_result (
    tenant_id  uuid        not null,
    device_id  uuid        not null,
    epoch      bigint      not null,
    mid        bigint      not null,
    result     jsonb       not null,
    created_at timestamptz not null,
    primary key (tenant_id, device_id, epoch, mid)
);

do $$
declare t text;
begin
    foreach t in array array['directory', 'scope_counter', 'record', 'producer', 'action_result'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select, insert, update, delete on %I to sync_app', t);
        execute format('grant select on %I to sync_worker', t);
    end loop;
end $$;
