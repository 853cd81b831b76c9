-- name: know_member!
insert into known_member (tenant_id, member_id, is_deactivated, aggregate_version)
values (:tenant_id::uuid, :member_id::text, :is_deactivated::bool, :aggregate_version::bigint)
on conflict (tenant_id, member_id) do update
set is_deactivated = excluded.is_deactivated, aggregate_version = excluded.aggregate_version
where known_member.aggregate_version < excluded.aggregate_version;

-- name: is_deactivated$
-- Null for one of whom nothing was heard.
select is_deactivated from known_member where tenant_id = :tenant_id::uuid and member_id = :member_id::text;
