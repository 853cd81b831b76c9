-- Sessions end by their limits, the last heartbeat of each device has a place of its own, and the directory knows what a
-- first screen shows. Expand only: `session.heartbeat` and `session.last_seen_at` go when no older process writes them.

alter table session
    alter column last_seen_at drop not null,
    -- When to look whether a limit is reached; never moved by a heartbeat, so that those touch no index.
    add column due_at timestamptz not null default '-infinity';
create index session_due on session (due_at) where closed_at is null;
create index session_of_member on session (tenant_id, member_id) where closed_at is null;

create table device_sync_status (
    tenant_id        uuid             not null,
    device_id        uuid             not null,
    session_id       uuid             not null,
    member_id        text             not null,
    property         text             not null,
    app_version      text             not null,
    queue_depth      bigint           check (queue_depth >= 0),
    oldest_queued_at timestamptz,
    clock_offset     double precision,
    cursor           text,
    behind           bigint           check (behind >= 0),
    last_seen_at     timestamptz      not null,
    primary key (tenant_id, device_id)
) with (fillfactor = 70); -- room for the next heartbeat on the same page

alter table directory_tenant
    alter column status drop not null,
    alter column aggregate_version set default 0,
    add column slug             text,
    add column name             text,
    add column locale           text,
    add column time_zone        text,
    add column plan             text,
    add column ent_v            bigint,
    add column products         text[],
    add column products_version bigint not null default 0;

alter table device_sync_status enable row level security;
alter table device_sync_status force row level security;
create policy own_tenant on device_sync_status using (tenant_id = current_tenant());
grant select, insert, update on device_sync_status to bff_app;
grant select on device_sync_status to bff_worker;
