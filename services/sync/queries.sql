-- name: know_tenant!
insert into directory (tenant_id, status, aggregate_version)
values (:tenant_id::uuid, :status::text, :aggregate_version::bigint)
on conflict (tenant_id) do update set status = excluded.status, aggregate_version = excluded.aggregate_version
where directory.aggregate_version < excluded.aggregate_version and directory.status <> 'deleted';

-- name: tenant_status$
select status from directory where tenant_id = :tenant_id::uuid;

-- name: join_work_of_tenant$
-- Held by every push until it ends; the erasure of the tenant waits for them, and they for it.
select pg_advisory_xact_lock_shared(hashtextextended('sync.tenant:' || :tenant_id::uuid::text, 0));

-- name: end_work_of_tenant$
select pg_advisory_xact_lock(hashtextextended('sync.tenant:' || :tenant_id::uuid::text, 0));

-- name: erase_records!
delete from record where tenant_id = :tenant_id::uuid;

-- name: erase_results!
delete from action_result where tenant_id = :tenant_id::uuid;

-- name: erase_producers!
delete from producer where tenant_id = :tenant_id::uuid;

-- name: erase_counters!
delete from scope_counter where tenant_id = :tenant_id::uuid;

-- name: next_seq$
-- The row lock makes the numbers appear in the order of commits: no reader sees n+1 before n.
insert into scope_counter (tenant_id, scope, collection, seq)
values (:tenant_id::uuid, :scope::text, :collection::text, 1)
on conflict (tenant_id, scope, collection) do update set seq = scope_counter.seq + 1
returning seq;

-- name: head$
select coalesce(max(seq), 0) from scope_counter
where tenant_id = :tenant_id::uuid and scope = :scope::text and collection = :collection::text;

-- name: record_by_key^
select version, seq, is_deleted, value, origin from record
where tenant_id = :tenant_id::uuid and scope = :scope::text and collection = :collection::text and key = :key::text;

-- name: put_record!
insert into record (tenant_id, scope, collection, key, version, seq, is_deleted, value, origin)
values (:tenant_id::uuid, :scope::text, :collection::text, :key::text, :version::bigint, :seq::bigint, :is_deleted::bool,
        :value::jsonb, :origin::jsonb)
on conflict (tenant_id, scope, collection, key) do update
set version = excluded.version, seq = excluded.seq, is_deleted = excluded.is_deleted, value = excluded.value,
    origin = excluded.origin;

-- name: changes_after
select key, version, seq, is_deleted, value, origin from record
where tenant_id = :tenant_id::uuid and scope = :scope::text and collection = :collection::text and seq > :seq::bigint
order by seq limit :most::int;

-- name: count_records$
select count(*) from record
where tenant_id = :tenant_id::uuid and scope = :scope::text and collection = :collection::text and not is_deleted;

-- name: lock_producer^
insert into producer (tenant_id, device_id, epoch) values (:tenant_id::uuid, :device_id::uuid, :epoch::bigint)
on conflict (tenant_id, device_id) do update set epoch = producer.epoch
returning epoch, last_mid;

-- name: producer^
select epoch, last_mid from producer where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid;

-- name: move_producer!
update producer set epoch = :epoch::bigint, last_mid = :last_mid::bigint
where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid;

-- name: result_of_mid$
select result from action_result
where tenant_id = :tenant_id::uuid and device_id = :device_id::uuid and epoch = :epoch::bigint and mid = :mid::bigint;

-- name: keep_result!
insert into action_result (tenant_id, device_id, epoch, mid, result, created_at)
values (:tenant_id::uuid, :device_id::uuid, :epoch::bigint, :mid::bigint, :result::jsonb, :now::timestamptz);
