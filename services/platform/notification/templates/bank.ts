/** What the bank tells people. Pure. Why risk or compliance refused something is never among it. */
import type { Kind } from '../domain.ts';
import type { Templates } from './template.ts';

type BankKind = Extract<Kind, `TRANSACTION_${string}` | 'LARGE_PAYMENT' | 'ACCOUNT_FROZEN'>;

const reasons: Readonly<Record<'en' | 'zh', Readonly<Record<string, string>>>> = {
  en: {
    INSUFFICIENT_FUNDS: 'there was not enough money on the account',
    ACCOUNT_FROZEN: 'the account is frozen',
    ACCOUNT_CLOSED: 'an account is closed',
    DENIED: 'the bank did not approve it',
    REJECTED: 'the bank did not approve it',
  },
  zh: {
    INSUFFICIENT_FUNDS: '账户余额不足',
    ACCOUNT_FROZEN: '账户已被冻结',
    ACCOUNT_CLOSED: '账户已销户',
    DENIED: '银行未予批准',
    REJECTED: '银行未予批准',
  },
};

export const en: Templates<BankKind> = {
  TRANSACTION_COMPLETED: ({ amount, parameters: { direction } }) =>
    direction === 'in'
      ? { title: 'Money received', body: `${amount} has reached your account.` }
      : { title: 'Money sent', body: `${amount} has left your account.` },
  TRANSACTION_FAILED: ({ amount, parameters: { reason } }) => {
    const why = reasons.en[reason!];
    return {
      title: 'Payment not carried out',
      body: `Your payment of ${amount} was not carried out${why ? `: ${why}` : ''}. Nothing was taken.`,
    };
  },
  TRANSACTION_UNDER_REVIEW: ({ amount }) => ({
    title: 'Payment being checked',
    body: `Your payment of ${amount} is being checked by us. The amount is held until then.`,
  }),
  LARGE_PAYMENT: ({ amount }) => ({
    title: 'Large payment',
    body: `${amount} has left your account. If that was not you, call us at once.`,
  }),
  ACCOUNT_FROZEN: () => ({
    title: 'Account frozen',
    body: 'Nothing can leave one of your accounts for now. Please call us.',
  }),
};

export const zh: Templates<BankKind> = {
  TRANSACTION_COMPLETED: ({ amount, parameters: { direction } }) =>
    direction === 'in'
      ? { title: '收到款项', body: `您的账户收到 ${amount}。` }
      : { title: '款项已转出', body: `您的账户已转出 ${amount}。` },
  TRANSACTION_FAILED: ({ amount, parameters: { reason } }) => {
    const why = reasons.zh[reason!];
    return {
      title: '付款未完成',
      body: `您的一笔 ${amount} 付款未能完成${why ? `：${why}` : ''}。未扣除任何款项。`,
    };
  },
  TRANSACTION_UNDER_REVIEW: ({ amount }) => ({
    title: '付款审核中',
    body: `您的一笔 ${amount} 付款正在审核，审核期间该金额将被冻结。`,
  }),
  LARGE_PAYMENT: ({ amount }) => ({
    title: '大额付款',
    body: `您的账户已转出 ${amount}。如非本人操作，请立即联系我们。`,
  }),
  ACCOUNT_FROZEN: () => ({
    title: '账户已冻结',
    body: '您的一个账户暂时无法转出款项，请联系我们。',
  }),
};
