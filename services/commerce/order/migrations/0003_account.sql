-- The account of the bank that pays when no card does.
alter table customer_order add column account_id uuid;
