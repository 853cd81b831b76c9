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
