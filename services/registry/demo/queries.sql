-- name: plan_reset!
insert into demo_reset (night, due_at, try_at) values (:night::date, :due_at::timestamptz, :due_at::timestamptz)
on conflict do nothing;

-- name: ask_for_reset!
-- Nothing while one that was asked for is open.
insert into demo_reset (night, number, due_at, try_at)
select :night::date, 1 + coalesce(max(number), 0), :now::timestamptz, :now::timestamptz from demo_reset
where night = :night::date
on conflict do nothing;

-- name: next_reset^
select night, due_at from demo_reset where outcome is null order by due_at limit 1;

-- name: lock_open_resets
select night, due_at from demo_reset where outcome is null order by due_at for update;

-- name: try_to_claim$
-- One process at a time claims, so that the one that was asked for and the nightly one never run side by side.
select pg_try_advisory_xact_lock(hashtextextended('registry:demo-reset', 0));

-- name: lock_due_reset^
-- Locked by whoever takes a lease: not to be claimed now.
select night, number, attempts from demo_reset
where outcome is null and due_at <= :now::timestamptz and try_at <= :now::timestamptz
  and not exists (select 1 from demo_reset other where other.outcome is null and other.claimed_until > :now::timestamptz)
order by due_at limit 1
for update skip locked;

-- name: claim_reset!
update demo_reset set claim = :claim::uuid, claimed_until = :until::timestamptz, attempts = attempts + 1
where night = :night::date and number = :number::int;

-- name: put_reset_off!
update demo_reset set claim = null, claimed_until = null, try_at = :try_at::timestamptz, last_error = :error::text
where claim = :claim::uuid;

-- name: lock_claimed_reset^
select night from demo_reset where claim = :claim::uuid and outcome is null for update;

-- name: finish_reset!
update demo_reset set outcome = :outcome::text, finished_at = :finished_at::timestamptz, records = :records::int,
    checksum = :checksum::text, faults = :faults::text[], claim = null, claimed_until = null
where claim = :claim::uuid;

-- name: last_reset^
select night, number, outcome, finished_at, records, checksum, faults from demo_reset
where outcome is not null order by finished_at desc limit 1;

-- name: keep_answer!
insert into demo_reset_product (night, number, product_key, version, counts, checksum, answered_at)
values (:night::date, :number::int, :product_key::text, :version::text, :counts::jsonb, :checksum::text, :answered_at::timestamptz)
on conflict do nothing;

-- name: answers_of
select product_key, version, counts, checksum from demo_reset_product where night = :night::date and number = :number::int order by product_key;

-- name: keep_baseline!
insert into demo_baseline (product_key, version, counts, checksum, said_at)
values (:product_key::text, :version::text, :counts::jsonb, :checksum::text, :said_at::timestamptz)
on conflict do nothing;

-- name: baseline_of^
select counts, checksum from demo_baseline where product_key = :product_key::text and version = :version::text;

-- name: lease_in_force^
select lease_id, started_by, started_at, held_until from demo_lease
where released_at is null and held_until > :now::timestamptz;

-- name: end_past_lease!
update demo_lease set released_at = held_until, released_by = 'system'
where released_at is null and held_until <= :now::timestamptz;

-- name: add_lease!
insert into demo_lease (lease_id, started_by, started_at, held_until)
values (:lease_id::uuid, :started_by::text, :started_at::timestamptz, :held_until::timestamptz);

-- name: extend_lease!
update demo_lease set held_until = :held_until::timestamptz where lease_id = :lease_id::uuid;

-- name: release_lease$
update demo_lease set released_at = :now::timestamptz, released_by = :released_by::text
where released_at is null and held_until > :now::timestamptz returning lease_id;

-- name: keys_in_use
select key_id, row_version from api_key where tenant_id = :tenant_id::uuid and revoked_at is null;

-- name: devices_in_use
select device_id, jkt, row_version from device where tenant_id = :tenant_id::uuid and revoked_at is null;

-- name: members_of
select member_id, email, name, locale, org_roles, backoffice_roles, properties, row_version from member
where tenant_id = :tenant_id::uuid order by member_id;

-- name: properties_of
select code, name, time_zone from property where tenant_id = :tenant_id::uuid;

-- name: projects_of
select project_id, archived_at from project where tenant_id = :tenant_id::uuid;

-- name: grants_of
select product_key, source, enabled from tenant_product where tenant_id = :tenant_id::uuid;

-- name: erase_demo!
select erase_demo(:kept_members::text[]);
