-- Projects, properties, and who works at which property as what.

create table project (
    tenant_id   uuid        not null,
    project_id  text        not null check (project_id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    name        text        not null check (length(name) between 1 and 200),
    created_at  timestamptz not null,
    created_by  text        not null,
    archived_at timestamptz,
    archived_by text,
    row_version bigint      not null default 1,
    primary key (tenant_id, project_id),
    check ((archived_at is null) = (archived_by is null)),
    check (project_id <> 'default' or archived_at is null)
);
create index api_key_of_project on api_key (tenant_id, project_id) where revoked_at is null;

-- `code` is the word by which desktops, devices and audiences name a property, so it never changes.
create table property (
    tenant_id   uuid        not null,
    property_id uuid        not null,
    code        text        not null check (length(code) between 1 and 200),
    name        text        not null check (length(name) between 1 and 200),
    time_zone   text        not null,
    created_at  timestamptz not null,
    row_version bigint      not null default 1,
    primary key (tenant_id, code),
    unique (tenant_id, property_id)
);

alter table member
    add column deactivated_at timestamptz,
    alter column backoffice_roles set default '{}',
    alter column properties set default '{}';

-- What `member.properties` and `member.backoffice_roles` say is the sum of these rows, as it was told last.
-- Deferred, because a tenant is erased in any order of its tables.
create table member_scope (
    tenant_id        uuid   not null,
    member_id        text   not null,
    property         text   not null,
    backoffice_roles text[] not null check (cardinality(backoffice_roles) <= 10),
    verified_by      text,
    verified_at      timestamptz,
    primary key (tenant_id, member_id, property),
    check ((verified_at is null) = (verified_by is null)),
    foreign key (tenant_id, member_id) references member (tenant_id, member_id) deferrable initially deferred,
    foreign key (tenant_id, property) references property (tenant_id, code) deferrable initially deferred
);
create index member_scope_of_property on member_scope (tenant_id, property, member_id);

-- What the identity provider has yet to be told of members.
create table member_push (
    tenant_id  uuid        not null,
    member_id  text        not null,
    due_at     timestamptz not null,
    attempts   int         not null default 0,
    last_error text,
    primary key (tenant_id, member_id)
);
create index member_push_due on member_push (due_at);

-- What is there already gets its default project, the projects that its keys and usage name, and its properties. The owner
-- is under row-level security too, so it is lifted from the tables that are read, inside this transaction only.
alter table tenant no force row level security;
alter table api_key no force row level security;
alter table usage_daily no force row level security;
alter table member no force row level security;
alter table device no force row level security;

insert into project (tenant_id, project_id, name, created_at, created_by)
select tenant_id, 'default', 'Default', created_at, 'system' from tenant;
insert into project (tenant_id, project_id, name, created_at, created_by)
select distinct t.tenant_id, n.project_id, n.project_id, t.created_at, 'system'
from (select tenant_id, project_id from api_key union select tenant_id, project from usage_daily) as n (tenant_id, project_id)
join tenant t on t.tenant_id = n.tenant_id
on conflict do nothing;

insert into property (tenant_id, property_id, code, name, time_zone, created_at)
select n.tenant_id, gen_random_uuid(), n.code, n.code, t.time_zone, t.created_at
from (select tenant_id, unnest(properties) from member union select tenant_id, property from device) as n (tenant_id, code)
join tenant t on t.tenant_id = n.tenant_id;
insert into member_scope (tenant_id, member_id, property, backoffice_roles)
select distinct tenant_id, member_id, unnest(properties), backoffice_roles from member;
set constraints all immediate;

alter table tenant force row level security;
alter table api_key force row level security;
alter table usage_daily force row level security;
alter table member force row level security;
alter table device force row level security;

do $$
declare t text;
begin
    foreach t in array array['project', 'property', 'member_scope', 'member_push'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
        execute format('grant select, insert, update on %I to registry_app', t);
        execute format('grant select on %I to registry_worker', t);
    end loop;
end $$;
grant delete on property, member_scope to registry_app;
grant insert, update, delete on member_push to registry_worker;
