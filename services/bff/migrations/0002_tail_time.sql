-- When an audience was last told something: one that is old and not in FEED has expired there, a young one is on its way.
alter table feed_tail add column changed_at timestamptz not null default clock_timestamp();
