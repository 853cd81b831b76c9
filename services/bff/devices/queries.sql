-- name: devices_seen
-- Present: heard of since then, in a session that is open. Without `properties` those of all of them.
select d.device_id, d.member_id, d.property, d.app_version, d.queue_depth, d.oldest_queued_at, d.clock_offset, d.behind,
       d.last_seen_at, d.last_seen_at > :present_since::timestamptz and s.closed_at is null as is_present
from device_sync_status d
join session s using (tenant_id, session_id)
left join directory_device known on known.tenant_id = d.tenant_id and known.device_id = d.device_id
where d.tenant_id = :tenant_id::uuid and known.is_revoked is not true
  and (:properties::text[] is null or d.property = any(:properties::text[]))
  and (:after::uuid is null or d.device_id > :after::uuid)
order by d.device_id limit :most::int;
