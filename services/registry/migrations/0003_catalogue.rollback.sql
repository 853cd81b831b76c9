drop table quota_reached, usage_daily, usage_batch;
alter table tenant_product drop column reason, drop column config;
revoke insert, update on product from registry_app;
drop table product_version;
alter table product drop column published_at, drop column checksum, drop column status;
