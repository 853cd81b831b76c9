drop table lock_resumption, lock_halt, lock_report, lock_action;
revoke select on gap from audit_app;
drop index one_silence_per_source, gap_by_time;
delete from gap where kind = 'silence' or state = 'asked';
alter table gap
    drop constraint gap_said, drop constraint gap_last, drop constraint gap_state_check,
    drop column kind, drop column said_at,
    alter column last set not null,
    add constraint gap_state_check check (state in ('detected', 'lost', 'repaired'));
