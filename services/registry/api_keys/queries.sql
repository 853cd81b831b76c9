-- name: add_key!
insert into api_key (key_id, tenant_id, name, pepper_id, digest, prefix, last_four, project_id, product_key, scopes,
                     created_by, created_at, expires_at, predecessor_id)
values (:key_id::uuid, :tenant_id::uuid, :name::text, :pepper_id::text, :digest::bytea, :prefix::text, :last_four::text,
        :project_id::text, :product_key::text, :scopes::text[], :created_by::text, :created_at::timestamptz,
        :expires_at::timestamptz, :predecessor_id::uuid);

-- name: key_by_id^
select key_id, tenant_id, name, prefix, last_four, project_id, product_key, scopes, created_by, created_at, expires_at,
       predecessor_id, successor_id, retires_at, revoked_at, revoked_by, revoked_reason, last_used_at, row_version
from api_key where tenant_id = :tenant_id::uuid and key_id = :key_id::uuid;

-- name: lock_key^
select key_id, tenant_id, name, prefix, last_four, project_id, product_key, scopes, created_by, created_at, expires_at,
       predecessor_id, successor_id, retires_at, revoked_at, revoked_by, revoked_reason, last_used_at, row_version
from api_key where tenant_id = :tenant_id::uuid and key_id = :key_id::uuid for update;

-- name: lock_keys_of_project
-- Those that still open something, in the order of their ids.
select key_id, tenant_id, revoked_at, row_version from api_key
where tenant_id = :tenant_id::uuid and project_id = :project_id::text and revoked_at is null
  and coalesce(least(expires_at, retires_at) > :now::timestamptz, true)
order by key_id for update;

-- name: keys_page
select key_id, tenant_id, name, prefix, last_four, project_id, product_key, scopes, created_by, created_at, expires_at,
       predecessor_id, successor_id, retires_at, revoked_at, revoked_by, revoked_reason, last_used_at, row_version
from api_key
where tenant_id = :tenant_id::uuid and (:after::uuid is null or key_id > :after::uuid)
order by key_id limit :most::int;

-- name: retire_key!
update api_key set successor_id = :successor_id::uuid, retires_at = :retires_at::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and key_id = :key_id::uuid;

-- name: revoke_key!
update api_key set revoked_at = :revoked_at::timestamptz, revoked_by = :revoked_by::text,
    revoked_reason = :reason::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and key_id = :key_id::uuid;

-- name: known_key^
-- Across tenants: whose key it is is what is asked. At most one row: a digest is unique under all peppers.
select k.key_id, k.tenant_id, k.project_id, k.product_key as product, k.scopes, least(k.expires_at, k.retires_at) as ends_at,
       k.revoked_at is not null as is_revoked, t.status as tenant_status, t.plan, t.ent_v,
       coalesce(p.enabled, false) and c.status = 'published' as has_product, p.expires_at as product_ends_at
from api_key k join tenant t on t.tenant_id = k.tenant_id join product c on c.key = k.product_key
left join tenant_product p on p.tenant_id = k.tenant_id and p.product_key = k.product_key
where k.digest = any (:digests::bytea[]);

-- name: plan_warnings*!
insert into api_key_warning (tenant_id, key_id, days_left, due_at, try_at)
values (:tenant_id::uuid, :key_id::uuid, :days_left::int, :due_at::timestamptz, :due_at::timestamptz);

-- name: drop_open_warnings!
delete from api_key_warning where tenant_id = :tenant_id::uuid and key_id = :key_id::uuid and done_at is null;

-- name: lock_due_warnings
-- Warnings locked by another process are its to give.
select w.tenant_id, w.key_id, w.days_left, w.due_at, k.expires_at, k.row_version
from api_key_warning w join api_key k on k.key_id = w.key_id
where w.done_at is null and w.due_at <= :now::timestamptz and w.try_at <= :now::timestamptz
order by w.due_at, w.key_id limit :most::int
for update of w skip locked;

-- name: warned!
update api_key_warning w set done_at = :now::timestamptz
from unnest(:key_ids::uuid[], :days_left::int[]) as n (key_id, days_left)
where w.key_id = n.key_id and w.days_left = n.days_left;

-- name: postpone_warning!
update api_key_warning set attempts = attempts + 1, last_error = :error::text,
    try_at = :now::timestamptz + least(interval '1 hour', interval '1 second' * power(2, least(attempts, 12)))
where key_id = :key_id::uuid and days_left = :days_left::int;

-- name: note_uses!
-- In the order of their ids, so that two processes never wait for each other in a circle.
with used as (
    select n.key_id, n.used_at from unnest(:key_ids::uuid[], :used_at::timestamptz[]) as n (key_id, used_at)
    join api_key k on k.key_id = n.key_id
    where k.last_used_at is null or k.last_used_at < n.used_at
    order by n.key_id for no key update of k)
update api_key k set last_used_at = greatest(k.last_used_at, used.used_at) from used where k.key_id = used.key_id;
