-- name: add_tenant_keys(tenant_ids, wrapped)!
insert into tenant_key (tenant_id, wrapped)
select * from unnest(:tenant_ids::uuid[], :wrapped::bytea[]) on conflict do nothing;

-- name: tenant_keys(tenant_ids)
select tenant_id, wrapped from tenant_key where tenant_id = any (:tenant_ids::uuid[]);

-- name: add_subject_keys(key_ids, tenant_ids, lookups, wrapped)!
-- In one order for everybody, so that two who add wait instead of deadlock.
insert into subject_key (key_id, tenant_id, lookup, wrapped)
select key_id, tenant_id, lookup, wrapped
from unnest(:key_ids::uuid[], :tenant_ids::uuid[], :lookups::bytea[], :wrapped::bytea[])
    as fresh (key_id, tenant_id, lookup, wrapped)
order by tenant_id, lookup
on conflict (tenant_id, lookup) do nothing;

-- name: subject_keys(tenant_ids, lookups)
select subject_key.key_id, subject_key.tenant_id, subject_key.lookup, subject_key.wrapped
from unnest(:tenant_ids::uuid[], :lookups::bytea[]) as wanted (tenant_id, lookup)
join subject_key on subject_key.tenant_id = wanted.tenant_id and subject_key.lookup = wanted.lookup;

-- name: keys_by_id(tenant_id, key_ids)
select key_id, wrapped, destroyed_at from subject_key
where tenant_id = :tenant_id::uuid and key_id = any (:key_ids::uuid[]);

-- name: add_words(tenant_ids, words, record_ids, key_ids)!
insert into blind_word (tenant_id, word, record_id, key_id)
select * from unnest(:tenant_ids::uuid[], :words::bytea[], :record_ids::uuid[], :key_ids::uuid[])
on conflict do nothing;

-- name: lock_subject(tenant_id, lookup, key_id)^
select key_id, destroyed_at from subject_key
where tenant_id = :tenant_id::uuid and (lookup = :lookup::bytea or key_id = :key_id::uuid)
for update;

-- name: destroy_key(tenant_id, key_id, at)!
update subject_key set wrapped = null, lookup = null, destroyed_at = :at::timestamptz
where tenant_id = :tenant_id::uuid and key_id = :key_id::uuid;

-- name: forget_words(tenant_id, key_id)!
delete from blind_word where tenant_id = :tenant_id::uuid and key_id = :key_id::uuid;
