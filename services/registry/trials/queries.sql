-- name: add_trial^
-- Answers no row where too many links wait to be used.
insert into trial (trial_id, digest, email, company, locale, products, requested_at, expires_at)
select :trial_id::uuid, :digest::bytea, :email::text, :company::text, :locale::text, :products::text[],
       :requested_at::timestamptz, :expires_at::timestamptz
where (select count(*) from trial where used_at is null and expires_at > :requested_at::timestamptz) < :most::int
returning trial_id;

-- name: trial_by_digest^
select trial_id, email, company, locale, products, expires_at, used_at from trial where digest = :digest::bytea;

-- name: lock_trial^
select trial_id, expires_at, used_at from trial where trial_id = :trial_id::uuid for update;

-- name: trial_by_id^
select trial_id, email, company, locale, expires_at, used_at from trial where trial_id = :trial_id::uuid;

-- name: use_trial!
update trial set used_at = :used_at::timestamptz where trial_id = :trial_id::uuid;

-- name: forget_trials!
delete from trial where expires_at < :before::timestamptz;

-- name: is_address_known$
select exists (select 1 from member where email = :email::text);
