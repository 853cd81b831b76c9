-- name: floors_of
-- The rows of the platform (no tenant) or of one tenant with those of the platform.
select platform, channel, tenant_id, advise, enforce, latest, block, effective_at, message, url, "unknown",
       reason, changed_by, changed_at, row_version
from version_floor where tenant_id is null or tenant_id = :tenant_id::uuid
order by platform, channel, tenant_id nulls last;

-- name: all_floors
select platform, channel, tenant_id, advise, enforce, latest, block, effective_at, message, url, "unknown", row_version
from version_floor;

-- name: lock_floor$
-- The row's version; a floor that was never set gets a row that only a change lets stay.
insert into version_floor (platform, channel, tenant_id, block, effective_at, "unknown", reason, changed_by, changed_at,
                           row_version)
values (:platform::text, :channel::text, :tenant_id::uuid, '{}', :changed_at::timestamptz, 'allow', 'not set yet',
        :changed_by::text, :changed_at::timestamptz, 0)
on conflict (platform, channel, tenant_id) do update set row_version = version_floor.row_version
returning row_version;

-- name: change_floor$
with changed as (
    update version_floor set advise = :advise::text, enforce = :enforce::text, latest = :latest::text,
        block = :block::text[], effective_at = :effective_at::timestamptz, message = :message::text, url = :url::text,
        "unknown" = :unknown::text, reason = :reason::text, changed_by = :changed_by::text,
        changed_at = :changed_at::timestamptz, row_version = greatest(row_version + 1, :newest::bigint)
    where platform = :platform::text and channel = :channel::text and tenant_id is not distinct from :tenant_id::uuid
    returning platform, channel, tenant_id, reason, changed_by, changed_at, row_version
)
insert into version_floor_change (platform, channel, tenant_id, value, reason, changed_by, changed_at, row_version)
select platform, channel, tenant_id, :value::jsonb, reason, changed_by, changed_at, row_version from changed
returning row_version;

-- name: floor_history
select value, reason, changed_by, changed_at, row_version from version_floor_change
where platform = :platform::text and channel = :channel::text and tenant_id is not distinct from :tenant_id::uuid
  and (:before::bigint is null or row_version < :before::bigint)
order by row_version desc limit :most::int;

-- name: reach^
-- Whom a floor could meet, as far as devices are known: a tenant with a floor of its own does not follow the platform's.
select count(*) as devices, count(distinct device.tenant_id) as tenants from device
where device.revoked_at is null and device.os ~* :os::text
  and (:tenant_id::uuid is null or device.tenant_id = :tenant_id::uuid)
  and (:tenant_id::uuid is not null or not exists (
      select 1 from version_floor own
      where own.platform = :platform::text and own.channel = :channel::text and own.tenant_id = device.tenant_id
        and (own.advise is not null or own.enforce is not null or own.block <> '{}')));

-- name: lift_floor$
update version_floor set row_version = greatest(row_version + 1, :newest::bigint)
where platform = :platform::text and channel = :channel::text and tenant_id is not distinct from :tenant_id::uuid
returning row_version;
