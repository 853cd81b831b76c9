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
