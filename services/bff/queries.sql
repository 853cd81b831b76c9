-- name: know_tenant!
insert into directory_tenant (tenant_id, status, aggregate_version)
values (:tenant_id::uuid, :status::text, :aggregate_version::bigint)
on conflict (tenant_id) do update set status = excluded.status, aggregate_version = excluded.aggregate_version
where directory_tenant.aggregate_version <= excluded.aggregate_version;

-- name: know_tenant_names!
insert into directory_tenant (tenant_id, slug, name, locale, time_zone)
values (:tenant_id::uuid, :slug::text, :name::text, :locale::text, :time_zone::text)
on conflict (tenant_id) do update
set slug = excluded.slug, name = excluded.name, locale = excluded.locale, time_zone = excluded.time_zone;

-- name: know_entitlements!
insert into directory_tenant (tenant_id, plan, ent_v, products, products_version)
values (:tenant_id::uuid, :plan::text, :ent_v::bigint, :products::text[], :aggregate_version::bigint)
on conflict (tenant_id) do update
set plan = excluded.plan, ent_v = excluded.ent_v, products = excluded.products, products_version = excluded.products_version
where directory_tenant.products_version <= excluded.products_version;

-- name: know_device!
insert into directory_device (tenant_id, device_id, jkt, is_revoked, aggregate_version)
values (:tenant_id::uuid, :device_id::uuid, :jkt::text, :is_revoked::bool, :aggregate_version::bigint)
on conflict (tenant_id, device_id) do update
set is_revoked = excluded.is_revoked, aggregate_version = excluded.aggregate_version
where directory_device.aggregate_version < excluded.aggregate_version;

-- name: standings
-- Of many callers, one row for each in their order; null is what is not known here.
select (select status from directory_tenant t where t.tenant_id = asked.tenant_id) as status,
       device.device_id, device.is_revoked, member.properties, member.backoffice_roles,
       not member.is_deactivated as is_active
from unnest(:tenant_ids::uuid[], :jkts::text[], :member_ids::text[]) with ordinality
    as asked (tenant_id, jkt, member_id, number)
left join lateral (
    select d.device_id, d.is_revoked from directory_device d
    where d.tenant_id = asked.tenant_id and d.jkt = asked.jkt order by d.is_revoked, d.device_id desc limit 1
) device on true
left join lateral (
    select m.properties, m.backoffice_roles, m.is_deactivated from directory_member m
    where m.tenant_id = asked.tenant_id and m.member_id = asked.member_id limit 1
) member on true
order by asked.number;

-- name: use_proof$
-- Null for one that was used; waits for a transaction that is under way with it.
insert into used_proof (tenant_id, jkt, jti_hash) values (:tenant_id::uuid, :jkt::text, :jti_hash::bytea)
on conflict do nothing returning true;

-- name: forget_proofs$
with gone as (
    delete from used_proof where ctid = any (array(
        select ctid from used_proof where used_at < clock_timestamp() - :kept::interval
        order by used_at limit :most::int for update skip locked))
    returning 1
)
select count(*) from gone;

-- name: know_member$
-- Null where newer things are known.
insert into directory_member (tenant_id, member_id, backoffice_roles, properties, is_deactivated, aggregate_version)
values (:tenant_id::uuid, :member_id::text, :backoffice_roles::text[], :properties::text[], :is_deactivated::bool,
        :aggregate_version::bigint)
on conflict (tenant_id, member_id) do update
set backoffice_roles = excluded.backoffice_roles, properties = excluded.properties,
    is_deactivated = excluded.is_deactivated, aggregate_version = excluded.aggregate_version
where directory_member.aggregate_version < excluded.aggregate_version
returning member_id;

-- name: member_by_id^
select backoffice_roles, properties, not is_deactivated as is_active from directory_member
where tenant_id = :tenant_id::uuid and member_id = :member_id::text;

-- name: next_in_audience$
insert into feed_tail (tenant_id, audience, n) values (:tenant_id::uuid, :audience::text, 1)
on conflict (tenant_id, audience) do update set n = feed_tail.n + 1, changed_at = clock_timestamp()
returning n;

-- name: tails
-- Of many audiences, one row for each in their order; null where nothing was ever said.
select tail.n, tail.changed_at
from unnest(:tenant_ids::uuid[], :audiences::text[]) with ordinality as asked (tenant_id, audience, number)
left join lateral (
    select t.n, t.changed_at from feed_tail t
    where t.tenant_id = asked.tenant_id and t.audience = asked.audience limit 1
) tail on true
order by asked.number;
