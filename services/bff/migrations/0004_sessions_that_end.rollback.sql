alter table directory_tenant
    drop column slug, drop column name, drop column locale, drop column time_zone,
    drop column plan, drop column ent_v, drop column products, drop column products_version,
    alter column aggregate_version drop default;
delete from directory_tenant where status is null;
alter table directory_tenant alter column status set not null;
drop table device_sync_status;
drop index session_of_member;
drop index session_due;
update session set last_seen_at = opened_at where last_seen_at is null;
alter table session drop column due_at, alter column last_seen_at set not null;
