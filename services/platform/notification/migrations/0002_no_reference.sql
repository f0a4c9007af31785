-- A feed is never removed, and its row is locked by whoever adds to it: to look for it once for each row found nothing.
alter table notification drop constraint notification_user_id_fkey;
