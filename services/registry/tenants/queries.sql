-- name: add_tenant!
insert into tenant (tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, operation_id, erp_customer_id,
                    trial_ends_at, created_at)
values (:tenant_id::uuid, :slug::text, :name::text, :kind::text, :status::text, :plan::text, :locale::text, :time_zone::text,
        :org_id::text, :operation_id::text, :erp_customer_id::text, :trial_ends_at::timestamptz, :created_at::timestamptz);

-- name: tenant_by_id^
select tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, erp_customer_id, trial_ends_at,
       contract_start, contract_end, frozen_reason, frozen_at, archived_at, cancel_at, cancel_reason, held_until,
       created_at, ent_v, row_version
from tenant where tenant_id = :tenant_id::uuid;

-- name: lock_tenant^
select tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, erp_customer_id, trial_ends_at,
       contract_start, contract_end, frozen_reason, frozen_at, archived_at, cancel_at, cancel_reason, held_until,
       created_at, ent_v, row_version
from tenant where tenant_id = :tenant_id::uuid for update;

-- name: tenants_with_due_actions
-- The window is wider than the batch, so that several processes find work side by side.
select tenant_id, slug, name, kind, status, plan, locale, time_zone, org_id, erp_customer_id, trial_ends_at,
       contract_start, contract_end, frozen_reason, frozen_at, archived_at, cancel_at, cancel_reason, held_until,
       created_at, ent_v, row_version
from tenant
where tenant_id = any (array(
    select due_action.tenant_id from due_action
    where due_action.done_at is null and due_action.due_at <= :now::timestamptz
      and due_action.try_at <= :now::timestamptz
    order by due_action.due_at, due_action.tenant_id limit :window::int
))
limit :most::int
for update skip locked;

-- name: tenants_page
select tenant_id, slug, name, kind, status, plan, created_at, ent_v, row_version from tenant
where (:status::text is null or status = :status::text)
  and (:after::uuid is null or tenant_id > :after::uuid)
order by tenant_id limit :most::int;

-- name: tenant_of_org$
select tenant_id from tenant where org_id = :org_id::text;

-- name: tenant_of_customer$
select tenant_id from tenant where erp_customer_id = :erp_customer_id::text;

-- name: taken_by$
-- What stands in the way of a new tenant, if anything: a slug is free again 90 days after its tenant was deleted.
select case when exists (select 1 from tenant where slug = :slug::text) then 'slug'
            when exists (select 1 from tombstone where slug_hash = sha256(convert_to(:slug::text, 'UTF8'))
                           and deleted_at > :now::timestamptz - interval '90 days') then 'slug'
            when exists (select 1 from tenant where erp_customer_id = :erp_customer_id::text) then 'customer' end;

-- name: change_tenants!
update tenant set status = n.status, plan = n.plan, contract_start = n.contract_start, contract_end = n.contract_end,
    frozen_reason = n.frozen_reason, frozen_at = n.frozen_at, archived_at = n.archived_at, cancel_at = n.cancel_at,
    cancel_reason = n.cancel_reason, held_until = n.held_until, ent_v = n.ent_v, row_version = n.row_version
from unnest(:tenant_id::uuid[], :status::text[], :plan::text[], :contract_start::date[], :contract_end::date[],
            :frozen_reason::text[], :frozen_at::timestamptz[], :archived_at::timestamptz[], :cancel_at::timestamptz[],
            :cancel_reason::text[], :held_until::timestamptz[], :ent_v::int[], :row_version::bigint[])
     as n (tenant_id, status, plan, contract_start, contract_end, frozen_reason, frozen_at, archived_at, cancel_at,
           cancel_reason, held_until, ent_v, row_version)
where tenant.tenant_id = n.tenant_id;

-- name: add_moves*!
insert into tenant_move (tenant_id, version, moved_at, recorded_at, came_from, went_to, reason, evidence, actor_id)
values (:tenant_id::uuid, :version::bigint, :moved_at::timestamptz, :recorded_at::timestamptz, :came_from::text,
        :went_to::text, :reason::text, :evidence::text, :actor_id::text);

-- name: moves_of
select moved_at, recorded_at, came_from, went_to, reason, evidence, actor_id from tenant_move
where tenant_id = :tenant_id::uuid order by version;

-- name: open_actions
select tenant_id, action, due_at, cause, product from due_action
where tenant_id = any (:tenant_ids::uuid[]) and done_at is null order by due_at, action, product;

-- name: drop_open_actions!
delete from due_action where tenant_id = any (:tenant_ids::uuid[]) and done_at is null;

-- name: add_actions*!
insert into due_action (tenant_id, action, due_at, cause, product, planned_at, try_at, done_at)
values (:tenant_id::uuid, :action::text, :due_at::timestamptz, :cause::text, :product::text, :planned_at::timestamptz,
        :due_at::timestamptz, :done_at::timestamptz);

-- name: postpone_actions!
update due_action set attempts = attempts + 1, last_error = :error::text,
    try_at = :now::timestamptz + least(interval '1 hour', interval '1 second' * power(2, least(attempts, 12)))
where tenant_id = :tenant_id::uuid and done_at is null;

-- name: add_hold!
insert into tenant_hold (hold_id, tenant_id, reason, placed_by, placed_at, held_until)
values (:hold_id::uuid, :tenant_id::uuid, :reason::text, :placed_by::text, :placed_at::timestamptz,
        :held_until::timestamptz);

-- name: release_hold$
update tenant_hold set released_at = :released_at::timestamptz, released_by = :released_by::text
where tenant_id = :tenant_id::uuid and released_at is null returning hold_id;

-- name: hold_in_force^
select hold_id, reason, placed_by, placed_at, held_until from tenant_hold
where tenant_id = :tenant_id::uuid and released_at is null;

-- name: add_tombstones*!
insert into tombstone (tenant_id, slug_hash, created_at, deleted_at)
values (:tenant_id::uuid, sha256(convert_to(:slug::text, 'UTF8')), :created_at::timestamptz, :deleted_at::timestamptz);

-- name: erase_tenants!
select erase_tenants(:tenant_ids::uuid[]);
