delete from day_partitioned where name = 'feed';
drop table feed_relay, feed_epoch, feed_sequence, feed, feed_tail, session, directory_member, directory_device, directory_tenant;
drop sequence feed_id;
drop function feed_number, feed_numbered;
