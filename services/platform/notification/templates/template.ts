import type { Kind, Parameters } from '../domain.ts';

export interface Texts {
  readonly title: string;
  readonly body: string;
}

/** The parameters as a person reads them. */
export interface Facts {
  readonly parameters: Parameters;
  /** The end of the order's id: enough to tell it from one's other orders. */
  readonly order: string;
  /** The amount with its currency, as the language writes it. */
  readonly amount: string;
}

export type Template = (facts: Facts) => Texts;

/** The texts of some kinds in one language. */
export type Templates<Some extends Kind> = Readonly<Record<Some, Template>>;
