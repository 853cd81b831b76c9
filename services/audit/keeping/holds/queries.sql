-- name: place(tenant_id, hold_id, received_from, received_to, subject, reason, placed_by, placed_at, until)!
insert into audit_hold (tenant_id, hold_id, received_from, received_to, subject, reason, placed_by, placed_at, until)
values (:tenant_id::uuid, :hold_id::uuid, :received_from::timestamptz, :received_to::timestamptz, :subject::text, :reason::text,
        :placed_by::text, :placed_at::timestamptz, :until::timestamptz);

-- name: locked(tenant_id, hold_id)^
select tenant_id, hold_id, received_from, received_to, subject, reason, placed_by, placed_at, until,
       released_by, released_at, release_reason, row_version
from audit_hold where tenant_id = :tenant_id::uuid and hold_id = :hold_id::uuid for update;

-- name: release(tenant_id, hold_id, by, at, reason)!
update audit_hold set released_by = :by::text, released_at = :at::timestamptz, release_reason = :reason::text,
    row_version = row_version + 1
where tenant_id = :tenant_id::uuid and hold_id = :hold_id::uuid;

-- name: one(tenant_id, hold_id)^
select hold_id, received_from, received_to, subject, reason, placed_by, placed_at, until,
       released_by, released_at, release_reason
from audit_hold where tenant_id = :tenant_id::uuid and hold_id = :hold_id::uuid;

-- name: listed(tenant_id, after_placed_at, after_hold_id, most)
select hold_id, received_from, received_to, subject, reason, placed_by, placed_at, until,
       released_by, released_at, release_reason
from audit_hold where tenant_id = :tenant_id::uuid
  and (:after_placed_at::timestamptz is null or (placed_at, hold_id) < (:after_placed_at::timestamptz, :after_hold_id::uuid))
order by placed_at desc, hold_id desc limit :most::int;

-- name: of_subjects(tenant_id, at)
-- Standing holds that name a person.
select hold_id, subject, reason from audit_hold
where tenant_id = :tenant_id::uuid and released_at is null and (until is null or until > :at::timestamptz)
  and subject is not null;

-- name: covering(tenant_id, subject, at)^
-- The hold that keeps this person's data, if there is one.
select hold_id, reason, placed_by, placed_at, until from audit_hold
where tenant_id = :tenant_id::uuid and released_at is null and (until is null or until > :at::timestamptz)
  and (subject is null or subject = :subject::text)
order by placed_at limit 1;
