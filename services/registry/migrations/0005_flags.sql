-- Flags and version floors: what is in force, who changed it, when and why. A row without a tenant is the platform's.

-- `row_version` is the change's time in microseconds, at least one more than before. So what is changed after the loss of
-- newer rows (a restored backup) is still newer than anything that anybody remembers.
create table flag (
    name        text        not null,
    tenant_id   uuid,
    value       jsonb,
    reason      text        not null check (length(reason) between 1 and 500),
    changed_by  text        not null,
    changed_at  timestamptz not null,
    row_version bigint      not null check (row_version >= 0),
    unique nulls not distinct (name, tenant_id)
);
create index flag_of_tenant on flag (tenant_id) where tenant_id is not null;

create table flag_change (
    name        text        not null,
    tenant_id   uuid,
    value       jsonb,
    reason      text        not null,
    changed_by  text        not null,
    changed_at  timestamptz not null,
    row_version bigint      not null,
    unique nulls not distinct (name, tenant_id, row_version)
);

create table version_floor (
    platform     text        not null check (platform in ('windows', 'macos', 'linux')),
    channel      text        not null check (channel ~ '^[a-z][a-z0-9-]{0,30}$'),
    tenant_id    uuid,
    advise       text,
    enforce      text,
    latest       text,
    block        text[]      not null,
    effective_at timestamptz not null,
    message      text,
    url          text,
    "unknown"    text        not null check ("unknown" in ('allow', 'block')),
    reason       text        not null check (length(reason) between 1 and 500),
    changed_by   text        not null,
    changed_at   timestamptz not null,
    row_version  bigint      not null check (row_version >= 0),
    unique nulls not distinct (platform, channel, tenant_id),
    check (latest is not null or (advise is null and enforce is null))
);
create index version_floor_of_tenant on version_floor (tenant_id) where tenant_id is not null;

create table version_floor_change (
    platform    text        not null,
    channel     text        not null,
    tenant_id   uuid,
    value       jsonb,
    reason      text        not null,
    changed_by  text        not null,
    changed_at  timestamptz not null,
    row_version bigint      not null,
    unique nulls not distinct (platform, channel, tenant_id, row_version)
);

-- A tenant reads its own rows and the platform's; what is written is of the tenant in force, or the platform's where none is.
do $$
declare t text;
begin
    foreach t in array array['flag', 'flag_change', 'version_floor', 'version_floor_change'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id is not distinct from current_tenant())', t);
        execute format('create policy platform_is_readable on %I for select using (tenant_id is null)', t);
        execute format('grant select, insert on %I to registry_app', t);
        execute format('grant select on %I to registry_worker', t);
    end loop;
end $$;
grant update on flag, version_floor to registry_app;
grant insert on flag to registry_worker;
grant update (row_version) on flag, version_floor to registry_worker;

-- Wakes the keeper of the bucket when the change commits, whichever process or hand made it.
create function tell_keeper() returns trigger language plpgsql as $$
begin
    perform pg_notify('registry_settings', '');
    return null;
end $$;
create trigger tell_keeper after insert or update or delete on flag for each statement execute function tell_keeper();
create trigger tell_keeper after insert or update or delete on version_floor for each statement execute function tell_keeper();
