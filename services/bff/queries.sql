-- name: know_tenant!
insert into directory_tenant (tenant_id, status, aggregate_version)
values (:tenant_id::uuid, :status::text, :aggregate_version::bigint)
on conflict (tenant_id) do update set status = excluded.status, aggregate_version = excluded.aggregate_version
where directory_tenant.aggregate_version <= excluded.aggregate_version;

-- name: tenant_status$
select status from directory_tenant where tenant_id = :tenant_id::uuid;

-- name: know_device!
insert into directory_device (tenant_id, device_id, jkt, is_revoked, aggregate_version)
values (:tenant_id::uuid, :device_id::uuid, :jkt::text, :is_revoked::bool, :aggregate_version::bigint)
on conflict (tenant_id, device_id) do update
set is_revoked = excluded.is_revoked, aggregate_version = excluded.aggregate_version
where directory_device.aggregate_version < excluded.aggregate_version;

-- name: device_by_key^
select device_id, is_revoked from directory_device
where tenant_id = :tenant_id::uuid and jkt = :jkt::text order by is_revoked, device_id desc limit 1;

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

-- name: tails_of
select audience, n, changed_at from feed_tail
where tenant_id = :tenant_id::uuid and audience = any(:audiences::text[]);

-- name: one_at_a_time$
select pg_advisory_xact_lock(hashtextextended('bff:session:' || :device_id::uuid::text, 0));

-- name: one_word_about_a_member$
select pg_advisory_xact_lock(hashtextextended('bff:member:' || :tenant_id::uuid::text || '/' || :member_id::text, 0));

-- name: close_sessions_of_member
update session set closed_at = :now::timestamptz, close_reason = :reason::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and member_id = :member_id::text and closed_at is null
returning session_id, device_id, row_version;

-- name: open_session_of_device^
select session_id, member_id, row_version from session
where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid and closed_at is null for update;

-- name: add_session!
insert into session (tenant_id, session_id, device_id, member_id, property, app_version, os, opened_at, expires_at, last_seen_at)
values (:tenant_id::uuid, :session_id::uuid, :device_id::uuid, :member_id::text, :property::text, :app_version::text,
        :os::text, :opened_at::timestamptz, :expires_at::timestamptz, :opened_at::timestamptz);

-- name: close_session^
update session set closed_at = :now::timestamptz, close_reason = :reason::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and session_id = :session_id::uuid and device_id = :device_id::uuid and closed_at is null
returning member_id, row_version;

-- name: beat^
update session set last_seen_at = :now::timestamptz, heartbeat = :heartbeat::jsonb
where tenant_id = :tenant_id::uuid and session_id = :session_id::uuid and device_id = :device_id::uuid
  and closed_at is null and expires_at > :now::timestamptz
returning expires_at;

-- name: session_in_use^
select session_id, property, opened_at, expires_at from session
where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid and closed_at is null;

-- name: app_of_device^
select app_version, os from session
where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid and closed_at is null;
