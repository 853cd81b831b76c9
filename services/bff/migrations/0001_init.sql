-- What the door must know of tenants, devices and members; desk sessions; the feed and where each audience stands in it.

create table directory_tenant (
    tenant_id         uuid   primary key,
    status            text   not null,
    aggregate_version bigint not null
);
create table directory_device (
    tenant_id         uuid   not null,
    device_id         uuid   not null,
    jkt               text   not null,
    is_revoked        bool   not null,
    aggregate_version bigint not null,
    primary key (tenant_id, device_id)
);
create index directory_device_by_key on directory_device (tenant_id, jkt);
create table directory_member (
    tenant_id         uuid   not null,
    member_id         text   not null,
    backoffice_roles  text[] not null,
    properties        text[] not null,
    aggregate_version bigint not null,
    primary key (tenant_id, member_id)
);

create table session (
    tenant_id    uuid        not null,
    session_id   uuid        not null,
    device_id    uuid        not null,
    member_id    text        not null,
    property     text        not null,
    app_version  text        not null,
    os           text        not null,
    opened_at    timestamptz not null,
    expires_at   timestamptz not null,
    last_seen_at timestamptz not null,
    closed_at    timestamptz,
    close_reason text,
    heartbeat    jsonb,
    row_version  bigint      not null default 1,
    primary key (tenant_id, session_id),
    check ((closed_at is null) = (close_reason is null))
);
create unique index one_open_session_per_device on session (tenant_id, device_id) where closed_at is null;

-- Position of the last feed event per audience; the audience '*' counts the tenant's events over all of them.
create table feed_tail (
    tenant_id uuid   not null,
    audience  text   not null,
    n         bigint not null,
    primary key (tenant_id, audience)
);
select create_outbox_lane('feed', 4);

do $$
declare t text;
begin
    foreach t in array array['directory_tenant', 'directory_device', 'directory_member', 'session', 'feed_tail'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select, insert, update on %I to bff_app, bff_worker', t);
    end loop;
end $$;
select keep_partitions(current_date);
