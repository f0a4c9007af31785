import type { DescService } from '@bufbuild/protobuf';
import type { Status } from '#gen/google/rpc/status_pb.ts';
import { errorToStatus } from '../rpc/server/interceptors/error-mapping.ts';
import { rpcErrorOfStatus } from '../rpc/status.ts';
import type { Outcome } from './coalesce.ts';

/** One result of a batch method, as the contract writes it: the single method's response, or how it failed. */
export interface BatchResult<Response> {
  outcome:
    | { case: 'response'; value: Response }
    | { case: 'error'; value: Status }
    | { case: undefined; value?: undefined };
}

/**
 * Answers a batch method by its single one: each item has its own outcome, in order, and one that fails does not touch
 * the others.
 */
export function batchResults<Request, Response>(
  service: DescService,
  requests: readonly Request[],
  answer: (request: Request) => Promise<Response>,
): Promise<{ outcome: { case: 'response'; value: never } | { case: 'error'; value: Status } }[]> {
  return Promise.all(
    requests.map((request) =>
      answer(request).then(
        (value) => ({ outcome: { case: 'response' as const, value: value as never } }),
        (error) => ({
          outcome: { case: 'error' as const, value: errorToStatus(error, service.typeName) },
        }),
      ),
    ),
  );
}

/** The results of a batch call as outcomes: what a coalescer that calls a batch method answers. */
export function batchOutcomes<Response>(
  results: readonly BatchResult<Response>[],
): Outcome<Response>[] {
  return results.map(({ outcome }) => {
    if (outcome.case === 'response') return { value: outcome.value };
    if (outcome.case === 'error') return { error: rpcErrorOfStatus(outcome.value) };
    return { error: new Error('a result of the batch is empty') };
  });
}
