-- name: add_tenant!
insert into tenant (tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, operation_id, erp_customer_id,
                    trial_ends_at, created_at)
values (:tenant_id::uuid, :slug::text, :name::text, :kind::text, :status::text, :plan::text, :locale::text, :time_zone::text,
        :org_id::text, :operation_id::text, :erp_customer_id::text, :trial_ends_at::timestamptz, :created_at::timestamptz);

-- name: tenant_by_id^
select tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, erp_customer_id, trial_ends_at,
       contract_start, contract_end, ent_v, row_version
from tenant where tenant_id = :tenant_id::uuid;

-- name: lock_tenant^
select tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, erp_customer_id, trial_ends_at,
       contract_start, contract_end, ent_v, row_version
from tenant where tenant_id = :tenant_id::uuid for update;

-- name: tenant_of_customer$
select tenant_id from tenant where erp_customer_id = :erp_customer_id::text;

-- name: tenant_of_slug$
select tenant_id from tenant where slug = :slug::text;

-- name: activate!
update tenant set status = 'active', plan = :plan::text, contract_start = :contract_start::date,
    contract_end = :contract_end::date, ent_v = ent_v + 1, row_version = row_version + 1
where tenant_id = :tenant_id::uuid;

-- name: add_move!
insert into tenant_move (tenant_id, version, moved_at, came_from, went_to, reason, evidence, actor_id)
values (:tenant_id::uuid, :version::bigint, :moved_at::timestamptz, :came_from::text, :went_to::text, :reason::text,
        :evidence::text, :actor_id::text);

-- name: grant_product!
insert into tenant_product (tenant_id, product_key, enabled, source, expires_at)
values (:tenant_id::uuid, :product_key::text, true, :source::text, :expires_at::timestamptz)
on conflict (tenant_id, product_key) do update
set enabled = true, source = excluded.source, expires_at = excluded.expires_at;

-- name: revoke_other_products!
update tenant_product set enabled = false
where tenant_id = :tenant_id::uuid and enabled and not product_key = any (:kept::text[]);

-- name: products_of_tenant
select product_key, enabled, source, expires_at from tenant_product
where tenant_id = :tenant_id::uuid order by product_key;

-- name: all_products
select key, version, manifest from product order by key;

-- name: items_by_code
select item_code, plan, product_key from erp_item where item_code = any (:codes::text[]);

-- name: sales_order_by_name^
select name, modified, event, outcome, tenant_id from sales_order where name = :name::text for update;

-- name: keep_sales_order!
insert into sales_order (name, modified, event, outcome, tenant_id, applied_at)
values (:name::text, :modified::text, :event::text, :outcome::text, :tenant_id::uuid, :applied_at::timestamptz)
on conflict (name) do update
set modified = excluded.modified, event = excluded.event, outcome = excluded.outcome, tenant_id = excluded.tenant_id,
    applied_at = excluded.applied_at;

-- name: add_task!
insert into task (task_id, kind, subject, detail, created_at)
values (:task_id::uuid, :kind::text, :subject::text, :detail::text, :created_at::timestamptz)
on conflict (kind, subject) do nothing;

-- name: put_member$
insert into member (tenant_id, member_id, email, name, locale, org_roles, backoffice_roles, properties)
values (:tenant_id::uuid, :member_id::text, :email::text, :name::text, :locale::text, :org_roles::text[],
        :backoffice_roles::text[], :properties::text[])
on conflict (tenant_id, member_id) do update
set email = excluded.email, name = excluded.name, locale = excluded.locale, org_roles = excluded.org_roles,
    backoffice_roles = excluded.backoffice_roles, properties = excluded.properties, row_version = member.row_version + 1
returning row_version;

-- name: member_by_id^
select member_id, org_roles, backoffice_roles, properties, locale, row_version from member
where tenant_id = :tenant_id::uuid and member_id = :member_id::text;

-- name: recipients
select member_id, email, name, locale from member
where tenant_id = :tenant_id::uuid and :role::text = any (org_roles) order by member_id;

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

-- name: want_push!
insert into claims_push (tenant_id, due_at) values (:tenant_id::uuid, :due_at::timestamptz)
on conflict (tenant_id) do update set due_at = excluded.due_at, attempts = 0;

-- name: due_pushes
select push.tenant_id, push.due_at, push.attempts from claims_push push
where push.due_at <= :now::timestamptz order by push.due_at limit :most::int;

-- name: pushed!
-- Only if nothing newer was asked for meanwhile.
delete from claims_push where tenant_id = :tenant_id::uuid and due_at = :due_at::timestamptz;

-- name: push_failed!
update claims_push set attempts = attempts + 1, due_at = :due_at::timestamptz, last_error = :error::text
where tenant_id = :tenant_id::uuid;
