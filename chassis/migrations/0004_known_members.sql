-- Which members a service has heard of, and whether they may still come in: for services that take members' tokens and are
-- not the registry. Only the worker writes it, in the transaction that claims the event.
create table known_member (
    tenant_id         uuid   not null,
    member_id         text   not null,
    is_deactivated    bool   not null,
    aggregate_version bigint not null,
    primary key (tenant_id, member_id)
);
alter table known_member enable row level security;
alter table known_member force row level security;
create policy own_tenant on known_member using (tenant_id = current_tenant());

do $$
begin
    execute format('grant select on known_member to %I', service_name() || '_app');
    execute format('grant select, insert, update on known_member to %I', service_name() || '_worker');
end $$;
