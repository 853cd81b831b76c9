drop table attempt, message, endpoint, mail, notice;
