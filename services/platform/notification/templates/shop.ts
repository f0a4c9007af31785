/** What the shop tells people. Pure. */
import type { Kind } from '../domain.ts';
import type { Templates } from './template.ts';

type ShopKind = Extract<Kind, `ORDER_${string}` | 'PAYMENT_REFUNDED'>;

const reasons: Readonly<Record<'en' | 'zh', Readonly<Record<string, string>>>> = {
  en: {
    OUT_OF_STOCK: 'not everything was in stock',
    PAYMENT_DECLINED: 'the card was declined',
    PAYMENT_TIMED_OUT: 'the payment was not settled in time',
    RESERVATION_EXPIRED: 'the goods could not be held any longer',
    REQUESTED: 'on request',
  },
  zh: {
    OUT_OF_STOCK: '部分商品缺货',
    PAYMENT_DECLINED: '银行卡被拒绝',
    PAYMENT_TIMED_OUT: '付款未能及时完成',
    RESERVATION_EXPIRED: '商品保留时间已过',
    REQUESTED: '应要求取消',
  },
};

/** Reasons for which an order ends before its card is charged. */
const unchargedReasons = new Set(['OUT_OF_STOCK', 'PAYMENT_DECLINED']);

export const en: Templates<ShopKind> = {
  ORDER_CONFIRMED: ({ order, amount }) => ({
    title: 'Order confirmed',
    body: `Your order ${order} is paid: ${amount}. You hear from us when it leaves.`,
  }),
  ORDER_SHIPPED: ({ order, parameters: { tracking_code } }) => ({
    title: 'Order shipped',
    body: `Your order ${order} is on its way.${tracking_code ? ` Tracking code: ${tracking_code}` : ''}`,
  }),
  ORDER_DELIVERED: ({ order }) => ({
    title: 'Order delivered',
    body: `Your order ${order} has arrived.`,
  }),
  ORDER_CANCELLED: ({ order, parameters: { reason } }) => {
    const why = reasons.en[reason!];
    const money = unchargedReasons.has(reason!)
      ? 'Nothing was charged.'
      : 'Whatever was charged will be paid back.';
    return {
      title: 'Order cancelled',
      body: `Your order ${order} was cancelled${why ? `: ${why}` : ''}. ${money}`,
    };
  },
  PAYMENT_REFUNDED: ({ order, amount }) => ({
    title: 'Refund on its way',
    body: `In all, ${amount} of your order ${order} goes back to you.`,
  }),
};

export const zh: Templates<ShopKind> = {
  ORDER_CONFIRMED: ({ order, amount }) => ({
    title: '订单已确认',
    body: `您的订单 ${order} 已付款：${amount}。发货后我们会通知您。`,
  }),
  ORDER_SHIPPED: ({ order, parameters: { tracking_code } }) => ({
    title: '订单已发货',
    body: `您的订单 ${order} 已在途中。${tracking_code ? `运单号：${tracking_code}` : ''}`,
  }),
  ORDER_DELIVERED: ({ order }) => ({
    title: '订单已送达',
    body: `您的订单 ${order} 已送达。`,
  }),
  ORDER_CANCELLED: ({ order, parameters: { reason } }) => {
    const why = reasons.zh[reason!];
    const money = unchargedReasons.has(reason!) ? '未产生扣款。' : '如已扣款，款项将退还给您。';
    return {
      title: '订单已取消',
      body: `您的订单 ${order} 已取消${why ? `：${why}` : ''}。${money}`,
    };
  },
  PAYMENT_REFUNDED: ({ order, amount }) => ({
    title: '退款已发出',
    body: `您的订单 ${order} 已累计退款 ${amount}。`,
  }),
};
