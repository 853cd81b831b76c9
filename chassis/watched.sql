-- name: known_settings
select key, row_version, value, known_at from known_setting;

-- name: know_settings!
insert into known_setting (key, row_version, value, known_at)
select told.key, told.row_version, told.value, :known_at::timestamptz
from unnest(:keys::text[], :row_versions::bigint[], :values::jsonb[]) as told (key, row_version, value)
on conflict (key) do update
set row_version = excluded.row_version, value = excluded.value, known_at = excluded.known_at
where known_setting.row_version < excluded.row_version;

-- name: forget_settings!
delete from known_setting where key = any (:keys::text[]);
