-- name: grant_product!
insert into tenant_product (tenant_id, product_key, enabled, source, expires_at)
values (:tenant_id::uuid, :product_key::text, true, :source::text, :expires_at::timestamptz)
on conflict (tenant_id, product_key) do update
set enabled = true, source = excluded.source, expires_at = excluded.expires_at;

-- name: put_override!
insert into tenant_product (tenant_id, product_key, enabled, source, expires_at, config, reason)
values (:tenant_id::uuid, :product_key::text, :enabled::bool, 'override', :expires_at::timestamptz, :config::jsonb,
        :reason::text)
on conflict (tenant_id, product_key) do update
set enabled = excluded.enabled, source = excluded.source, expires_at = excluded.expires_at, config = excluded.config,
    reason = excluded.reason;

-- name: revoke_other_products!
-- What an operator granted by hand stays.
update tenant_product set enabled = false
where tenant_id = :tenant_id::uuid and enabled and source <> 'override' and not product_key = any (:kept::text[]);

-- name: products_of_tenant
select product_key, enabled, source, expires_at, config from tenant_product
where tenant_id = :tenant_id::uuid order by product_key;

-- name: products_of_tenants
select tenant_id, product_key, enabled, source, expires_at, config from tenant_product
where tenant_id = any (:tenant_ids::uuid[]) order by tenant_id, product_key;

-- name: want_pushes!
insert into claims_push (tenant_id, due_at) select unnest(:tenant_ids::uuid[]), :due_at::timestamptz
on conflict (tenant_id) do update set due_at = excluded.due_at, attempts = 0;

-- name: due_pushes
select push.tenant_id, push.due_at, push.attempts from claims_push push
where push.due_at <= :now::timestamptz order by push.due_at limit :most::int;

-- name: pushed$
-- Only if nothing newer was asked for meanwhile.
delete from claims_push where tenant_id = :tenant_id::uuid and due_at = :due_at::timestamptz
returning tenant_id;

-- name: push_failed!
update claims_push set attempts = attempts + 1, due_at = :due_at::timestamptz, last_error = :error::text
where tenant_id = :tenant_id::uuid;
