-- name: flags_of
-- The rows of the platform (no tenant) or of one tenant with those of the platform.
select name, tenant_id, value, reason, changed_by, changed_at, row_version from flag
where tenant_id is null or tenant_id = :tenant_id::uuid;

-- name: all_flags
select name, tenant_id, value, row_version from flag;

-- name: lock_flag$
-- The row's version; a flag that was never set gets a row that only a change lets stay.
insert into flag (name, tenant_id, value, reason, changed_by, changed_at, row_version)
values (:name::text, :tenant_id::uuid, null, 'not set yet', :changed_by::text, :changed_at::timestamptz, 0)
on conflict (name, tenant_id) do update set row_version = flag.row_version
returning row_version;

-- name: change_flag$
with changed as (
    update flag set value = :value::jsonb, reason = :reason::text, changed_by = :changed_by::text,
        changed_at = :changed_at::timestamptz, row_version = greatest(row_version + 1, :newest::bigint)
    where name = :name::text and tenant_id is not distinct from :tenant_id::uuid
    returning name, tenant_id, value, reason, changed_by, changed_at, row_version
)
insert into flag_change (name, tenant_id, value, reason, changed_by, changed_at, row_version)
select name, tenant_id, value, reason, changed_by, changed_at, row_version from changed
returning row_version;

-- name: flag_history
select value, reason, changed_by, changed_at, row_version from flag_change
where name = :name::text and tenant_id is not distinct from :tenant_id::uuid
  and (:before::bigint is null or row_version < :before::bigint)
order by row_version desc limit :most::int;

-- name: flag_overrides
-- The tenants that have a value of their own.
select tenant_id, value, reason, changed_by, changed_at, row_version from flag
where name = :name::text and tenant_id is not null and value is not null
  and (:after::uuid is null or tenant_id > :after::uuid)
order by tenant_id limit :most::int;

-- name: lift_flag$
-- The bucket knows a newer version than the table, which was restored: what the table says is the newest from now on.
insert into flag (name, tenant_id, value, reason, changed_by, changed_at, row_version)
values (:name::text, :tenant_id::uuid, null, 'the database was restored', 'system', :changed_at::timestamptz, :newest::bigint)
on conflict (name, tenant_id) do update set row_version = greatest(flag.row_version + 1, :newest::bigint)
returning row_version;
