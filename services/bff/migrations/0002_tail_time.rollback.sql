alter table feed_tail drop column changed_at;
