drop table lock_halt_resumed, lock_halt, lock_report_cursor, lock_action_proxy_audit;
