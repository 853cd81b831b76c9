-- name: tenant_shown^
-- Where all of it is known.
select slug, name, locale, time_zone, status, aggregate_version, plan, ent_v, products, products_version
from directory_tenant
where tenant_id = :tenant_id::uuid and status is not null and name is not null and products is not null;

-- name: member_shown^
select member_id, backoffice_roles, properties, is_deactivated, aggregate_version from directory_member
where tenant_id = :tenant_id::uuid and member_id = :member_id::text;
