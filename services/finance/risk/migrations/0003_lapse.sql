-- A decision lapses when the ledger, asked long after its verdict ran out, knows nothing of the transaction: from then on
-- whoever asks about it again is decided anew. What was decided stays, and is never changed but for lapsed_at.
alter table decision
  add column lapsed_at timestamptz,
  -- How many decisions upon the transaction had lapsed before.
  add column renewals smallint not null default 0 check (renewals >= 0);

-- One of several that decide anew is first, and the first decisions need no look for earlier ones.
drop index decision_transaction;
create unique index decision_transaction on decision (transaction_id, renewals);
