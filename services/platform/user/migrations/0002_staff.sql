-- The staff among many people: whoever goes from it asks whether somebody is left.
create index app_user_staff on app_user (user_id) where 'STAFF' = any(roles);
