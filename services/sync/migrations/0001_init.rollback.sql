drop table action_result, producer, record, scope_counter, directory;
