-- A payload is gone within a second: to compress a large one would cost more than all else that is done with it.
alter table outbox alter column payload set storage external;
