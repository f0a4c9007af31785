/** What a notification says in each language. Pure. */
import { moneyText } from '#kit/money.ts';
import type { Kind, Parameters } from './domain.ts';
import * as bank from './templates/bank.ts';
import * as shop from './templates/shop.ts';
import type { Template, Templates, Texts } from './templates/template.ts';

const announcement: Template = ({ parameters }) => ({
  title: parameters.title!,
  body: parameters.body!,
});

const templates: Readonly<Record<'en' | 'zh', Templates<Kind>>> = {
  en: { ANNOUNCEMENT: announcement, ...shop.en, ...bank.en },
  zh: { ANNOUNCEMENT: announcement, ...shop.zh, ...bank.zh },
};

export type Locale = keyof typeof templates;

/** The language of a BCP 47 tag, where there are texts in it. */
export function localeOf(tag: string): Locale {
  const [language = ''] = tag.toLowerCase().split('-');
  return language in templates ? (language as Locale) : 'en';
}

export function textsOf(
  { kind, parameters }: { kind: Kind; parameters: Parameters },
  locale: Locale,
): Texts {
  const order = (parameters.order_id ?? '').slice(-8).toUpperCase();
  return templates[locale][kind]({ parameters, order, amount: amountOf(parameters, locale) });
}

function amountOf({ amount_minor, currency_code }: Parameters, locale: Locale): string {
  if (amount_minor === undefined || currency_code === undefined) return '';
  const money = { amountMinor: BigInt(amount_minor), currencyCode: currency_code };
  return moneyText(money, locale);
}
