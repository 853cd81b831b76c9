alter table product_action drop column try_at, drop column attempts, drop column last_error;
