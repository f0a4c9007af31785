import { asked, riskOf } from '#services/finance/risk/testing.ts';
import type { MakeBelongings } from '../belongings.ts';

/** Two transactions that were checked, of which the ledger has said nothing yet. */
export const belongings: MakeBelongings = async (shop, { id: owner }) => {
  const { ledger } = riskOf(shop.network, { headers: shop.staff.headers });
  const checked = [asked({ owner }), asked({ owner })];
  for (const request of checked) await ledger.checkTransaction(request);
  return {
    names: {
      transaction_id: checked.map(({ facts }) => facts.transactionId),
      account_id: checked.map(({ facts }) => facts.legs[0]!.source.accountId),
      owner_id: [owner],
      initiator_id: [owner],
    },
  };
};
