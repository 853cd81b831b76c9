drop table checkpoint, tile, record, tree_head;
drop function refuse_change(), refuse_shrinking_tile(), refuse_shrinking_head();
