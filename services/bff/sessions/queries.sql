-- name: one_at_a_time$
select pg_advisory_xact_lock(hashtextextended('bff:session:' || :device_id::uuid::text, 0));

-- name: one_word_about_a_member$
select pg_advisory_xact_lock(hashtextextended('bff:member:' || :tenant_id::uuid::text || '/' || :member_id::text, 0));

-- name: tenant_stays$
-- Waits for who is just moving the tenant, and makes the next one wait for us.
select status from directory_tenant where tenant_id = :tenant_id::uuid for share;

-- name: is_device_revoked$
select is_revoked from directory_device where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid;

-- name: open_session_of_device^
select session_id, member_id, row_version from session
where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid and closed_at is null for update;

-- name: add_session!
insert into session (tenant_id, session_id, device_id, member_id, property, app_version, os, opened_at, expires_at, due_at)
values (:tenant_id::uuid, :session_id::uuid, :device_id::uuid, :member_id::text, :property::text, :app_version::text,
        :os::text, :opened_at::timestamptz, :expires_at::timestamptz, :due_at::timestamptz);

-- name: session_by_id^
select s.session_id, s.device_id, s.member_id, s.property, s.opened_at, s.expires_at, s.closed_at, s.close_reason,
       coalesce(d.last_seen_at, s.opened_at) as last_seen_at, d.app_version, d.queue_depth
from session s left join device_sync_status d using (tenant_id, device_id, session_id)
where s.tenant_id = :tenant_id::uuid and s.session_id = :session_id::uuid;

-- name: session_of_device^
-- The open one.
select s.session_id, s.device_id, s.member_id, s.property, s.opened_at, s.expires_at, s.closed_at, s.close_reason,
       coalesce(d.last_seen_at, s.opened_at) as last_seen_at
from session s left join device_sync_status d using (tenant_id, device_id, session_id)
where s.tenant_id = :tenant_id::uuid and s.device_id = :device_id::uuid and s.closed_at is null;

-- name: seats
-- Of many desks, one row for each in their order: the session that it named, and the app as the device's open session
-- named it, or a later heartbeat. Null is what there is not.
select named.*, app.app_version, app.os
from unnest(:tenant_ids::uuid[], :device_ids::uuid[], :session_ids::uuid[]) with ordinality
    as asked (tenant_id, device_id, named_id, number)
left join lateral (
    select s.session_id, s.device_id, s.member_id, s.property, s.opened_at, s.expires_at, s.closed_at, s.close_reason,
           coalesce(d.last_seen_at, s.opened_at) as last_seen_at
    from session s left join device_sync_status d using (tenant_id, device_id, session_id)
    where s.tenant_id = asked.tenant_id and s.session_id = asked.named_id limit 1
) named on true
left join lateral (
    select coalesce(d.app_version, s.app_version) as app_version, s.os
    from session s left join device_sync_status d using (tenant_id, device_id, session_id)
    where s.tenant_id = asked.tenant_id and s.device_id = asked.device_id and s.closed_at is null limit 1
) app on true
order by asked.number;

-- name: close_session^
update session set closed_at = :now::timestamptz, close_reason = :reason::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and session_id = :session_id::uuid and closed_at is null
returning tenant_id, session_id, device_id, member_id, row_version;

-- name: close_sessions
-- Of one member or of one device where they are named, else of the whole tenant.
update session set closed_at = :now::timestamptz, close_reason = :reason::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and closed_at is null
  and (:member_id::text is null or member_id = :member_id::text)
  and (:device_id::uuid is null or device_id = :device_id::uuid)
returning tenant_id, session_id, device_id, member_id, row_version;

-- name: sessions_due
select s.tenant_id, s.session_id, s.device_id, s.member_id, s.property, s.opened_at, s.expires_at, s.closed_at,
       s.close_reason, coalesce(d.last_seen_at, s.opened_at) as last_seen_at
from session s left join device_sync_status d using (tenant_id, device_id, session_id)
where s.closed_at is null and s.due_at <= :now::timestamptz
order by s.due_at limit :most::int for update of s skip locked;

-- name: forget_sessions$
with gone as (
    delete from session where (tenant_id, session_id) in (
        select tenant_id, session_id from session where closed_at < :before::timestamptz
        order by closed_at limit :most::int for update skip locked)
    returning 1
)
select count(*) from gone;

-- name: sessions_ending
-- Those that reach a limit before then; a heartbeat may have moved the idle one since somebody looked.
select s.tenant_id, s.session_id, s.device_id, s.member_id, s.property, s.opened_at, s.expires_at, s.closed_at,
       s.close_reason, coalesce(d.last_seen_at, s.opened_at) as last_seen_at
from session s left join device_sync_status d using (tenant_id, device_id, session_id)
where s.closed_at is null and s.due_at <= :until::timestamptz
  and least(s.expires_at, coalesce(d.last_seen_at, s.opened_at) + :idle::interval) <= :until::timestamptz
order by s.due_at limit :most::int;

-- name: look_again*!
update session set due_at = :due_at::timestamptz where tenant_id = :tenant_id::uuid and session_id = :session_id::uuid;

-- name: device_at_work!
-- A device is seen when a session is opened on it; what it told of its queue before stays told.
insert into device_sync_status (tenant_id, device_id, session_id, member_id, property, app_version, last_seen_at)
values (:tenant_id::uuid, :device_id::uuid, :session_id::uuid, :member_id::text, :property::text, :app_version::text,
        :now::timestamptz)
on conflict (tenant_id, device_id) do update
set session_id = excluded.session_id, member_id = excluded.member_id, property = excluded.property,
    app_version = excluded.app_version, last_seen_at = excluded.last_seen_at;

-- name: beat!
-- Nobody waits for the disk: what a crash forgets, the next heartbeat tells again. A late one of a session that was
-- replaced changes nothing.
with unhurried as (select set_config('synchronous_commit', 'off', true))
insert into device_sync_status as known
    (tenant_id, device_id, session_id, member_id, property, app_version, queue_depth, oldest_queued_at, clock_offset,
     cursor, behind, last_seen_at)
select :tenant_id::uuid, :device_id::uuid, :session_id::uuid, :member_id::text, :property::text, :app_version::text,
       :queue_depth::bigint, :oldest_queued_at::timestamptz, :clock_offset::double precision, :cursor::text,
       :behind::bigint, :now::timestamptz
from unhurried
on conflict (tenant_id, device_id) do update
set app_version = excluded.app_version, queue_depth = excluded.queue_depth,
    oldest_queued_at = excluded.oldest_queued_at, clock_offset = excluded.clock_offset, cursor = excluded.cursor,
    behind = excluded.behind, last_seen_at = excluded.last_seen_at
where known.session_id = excluded.session_id;
