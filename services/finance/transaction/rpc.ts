import type { DescMessage, Message, MessageShape } from '@bufbuild/protobuf';
import {
  CaptureTransactionResponseSchema,
  OpenLedgerAccountResponseSchema,
  ReverseTransactionResponseSchema,
  ReviewTransactionResponseSchema,
  SetLedgerAccountStatusResponseSchema,
  TransactionService,
  VoidTransactionResponseSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { decimalsOf } from '#kit/currency.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { batchResults } from '#kit/load/batch.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { WatchHub } from '#kit/streams/watch.ts';
import { initiatorOf } from './callers.ts';
import { transactionIdOf } from './domain/content.ts';
import { UnknownCurrency } from './domain/refusals.ts';
import type { Account, Command } from './domain.ts';
import { examinationOf, type MovingRequest } from './interceptors/examination.ts';
import { accountStatusOf, accountTypeOf } from './proto.ts';
import { createCheckRpc } from './rpc/check.ts';
import { createReadRpc } from './rpc/reads.ts';
import { watchAccounts } from './rpc/watch.ts';
import type { Checks } from './store/checks.ts';
import type { Identities } from './store/identities.ts';
import type { Reads } from './store/reads.ts';
import type { LedgerWriter } from './writer.ts';

export interface RpcDeps {
  writer: LedgerWriter;
  reads: Reads;
  checks: Checks;
  identities: Identities;
  hub: WatchHub<Account>;
}

export function createTransactionRpc(deps: RpcDeps): Handlers<typeof TransactionService> {
  const { writer } = deps;

  /** Hands a command to the writer, under the key of its own request message. */
  function write<Response extends DescMessage>(
    request: Message & { requestId: string },
    call: Call,
    response: Response,
    command: Command,
  ): Promise<MessageShape<Response>> {
    const key = requestKey(call, request);
    return writer.do({ key, response, item: command }) as Promise<MessageShape<Response>>;
  }

  /** Does what the interceptors found: the verdicts are there, or why there are none. */
  async function move(request: MovingRequest): Promise<Message> {
    const { key, response, intent, hold, refusal, failure, risk, compliance } =
      examinationOf(request);
    if (failure !== undefined) throw failure;
    const judgement = refusal ? { refusal } : { verdicts: { risk: risk!, compliance } };
    return writer.do({ key, response, item: { kind: 'execute', intent, judgement, hold } });
  }

  return {
    ...createReadRpc(deps),
    ...createCheckRpc(deps),

    watchTransactions: (request, call) => watchAccounts(deps, request.accountIds, call),

    executeTransaction: (request) => move(request) as never,

    batchExecuteTransactions: async ({ requests }) => ({
      results: await batchResults(TransactionService, requests, move),
    }),

    authorizeTransaction: (request) => move(request) as never,

    captureTransaction: (request, call) =>
      write(request, call, CaptureTransactionResponseSchema, {
        kind: 'capture',
        transactionId: request.transactionId.toLowerCase(),
        amountMinor: request.amountMinor || undefined,
        by: initiatorOf(call),
      }),

    voidTransaction: (request, call) =>
      write(request, call, VoidTransactionResponseSchema, {
        kind: 'void',
        transactionId: request.transactionId.toLowerCase(),
        by: initiatorOf(call),
      }),

    reverseTransaction: (request, call) => {
      const key = requestKey(call, request);
      return write(request, call, ReverseTransactionResponseSchema, {
        kind: 'reverse',
        transactionId: request.transactionId.toLowerCase(),
        reversalId: transactionIdOf(key.scope, key.requestId),
        reference: request.reference,
        by: initiatorOf(call),
      });
    },

    reviewTransaction: (request, call) =>
      write(request, call, ReviewTransactionResponseSchema, {
        kind: 'review',
        transactionId: request.transactionId.toLowerCase(),
        approves: request.approves,
        note: request.note,
        reviewerId: userOf(call).id,
      }),

    openLedgerAccount: (request, call) => {
      const { accountId, ownerId, accountType, currencyCode: currency, creditLimitMinor } = request;
      if (decimalsOf(currency) === undefined) {
        throw new UnknownCurrency({ currency_code: currency });
      }
      const account = {
        accountId: accountId.toLowerCase(),
        ownerId: ownerId.toLowerCase(),
        type: accountTypeOf(accountType),
        currency,
      };
      return write(request, call, OpenLedgerAccountResponseSchema, {
        kind: 'open',
        account,
        floor: -creditLimitMinor,
      });
    },

    setLedgerAccountStatus: (request, call) =>
      write(request, call, SetLedgerAccountStatusResponseSchema, {
        kind: 'setStatus',
        accountId: request.accountId.toLowerCase(),
        status: accountStatusOf(request.status),
      }),
  };
}
