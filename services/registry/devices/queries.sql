-- name: add_challenge!
insert into device_challenge (tenant_id, challenge, member_id, expires_at)
values (:tenant_id::uuid, :challenge::text, :member_id::text, :expires_at::timestamptz);

-- name: take_challenge$
delete from device_challenge
where tenant_id = :tenant_id::uuid and challenge = :challenge::text and member_id = :member_id::text
  and expires_at > :now::timestamptz
returning challenge;

-- name: device_in_use^
select device_id, jkt, member_id, property, cohort, revoked_at, row_version from device
where tenant_id = :tenant_id::uuid and jkt = :jkt::text and revoked_at is null;

-- name: device_by_id^
select device_id, jkt, member_id, name, os, property, cohort, enrolled_at, revoked_at, row_version from device
where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid;

-- name: add_device!
insert into device (tenant_id, device_id, jkt, jwk, member_id, name, os, property, cohort, enrolled_at)
values (:tenant_id::uuid, :device_id::uuid, :jkt::text, :jwk::jsonb, :member_id::text, :name::text, :os::text,
        :property::text, :cohort::text, :enrolled_at::timestamptz);

-- name: revoke_device^
update device set revoked_at = :revoked_at::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid and revoked_at is null
returning jkt, row_version;
