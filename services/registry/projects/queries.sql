-- name: add_project$
-- Null where there is one of this id.
insert into project (tenant_id, project_id, name, created_at, created_by)
values (:tenant_id::uuid, :project_id::text, :name::text, :created_at::timestamptz, :created_by::text)
on conflict do nothing returning row_version;

-- name: project_by_id^
select tenant_id, project_id, name, created_at, created_by, archived_at, archived_by, row_version from project
where tenant_id = :tenant_id::uuid and project_id = :project_id::text;

-- name: projects_page
select tenant_id, project_id, name, created_at, created_by, archived_at, archived_by, row_version from project
where tenant_id = :tenant_id::uuid and (:after::text is null or project_id > :after::text)
order by project_id limit :most::int;

-- name: rename_project!
update project set name = :name::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and project_id = :project_id::text;

-- name: archive_project!
update project set archived_at = :archived_at::timestamptz, archived_by = :archived_by::text, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and project_id = :project_id::text;

-- name: projects_in_use
-- Those of the given ones that can be named.
select project_id from project
where tenant_id = :tenant_id::uuid and project_id = any (:project_ids::text[]) and archived_at is null;
