-- name: add_property$
-- Null where there is one of this code.
insert into property (tenant_id, property_id, code, name, time_zone, created_at)
values (:tenant_id::uuid, :property_id::uuid, :code::text, :name::text, :time_zone::text, :created_at::timestamptz)
on conflict (tenant_id, code) do nothing returning row_version;

-- name: property_by_code^
select property_id, tenant_id, code, name, time_zone, created_at, row_version from property
where tenant_id = :tenant_id::uuid and code = :code::text;

-- name: properties_page
select property_id, tenant_id, code, name, time_zone, created_at, row_version from property
where tenant_id = :tenant_id::uuid and (:after::text is null or code > :after::text)
order by code limit :most::int;

-- name: properties_known
-- Those of the given codes that there are.
select code from property where tenant_id = :tenant_id::uuid and code = any (:codes::text[]);

-- name: change_property!
update property set name = :name::text, time_zone = :time_zone::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and code = :code::text;

-- name: remove_property!
delete from property where tenant_id = :tenant_id::uuid and code = :code::text;

-- name: uses_of_property^
select (select count(*) from member_scope where tenant_id = :tenant_id::uuid and property = :code::text) as members,
       (select count(*) from device
        where tenant_id = :tenant_id::uuid and property = :code::text and revoked_at is null) as devices;
