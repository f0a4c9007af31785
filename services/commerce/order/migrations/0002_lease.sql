-- A lease belongs to an open order. A step of the saga then changes nothing that an index holds (the lease is renewed
-- only when half of it is over), so PostgreSQL keeps the new version of the row beside the old one and writes no index.
drop index customer_order_open;
alter table customer_order alter column lease_until drop not null;
update customer_order set lease_until = null where step = 'DONE';
alter table customer_order add check ((step = 'DONE') = (lease_until is null));

-- Sagas that are not done: a handful at any moment, however many orders there are.
create index customer_order_open on customer_order (lease_until) where lease_until is not null;
