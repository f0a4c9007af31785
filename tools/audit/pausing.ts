import { RpcError } from '#kit/errors.ts';

/** Waits for as long as a rate limit says, and asks again. */
export async function pausing<Result>(ask: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const pauseMs = error instanceof RpcError && Number(error.metadata.retry_after_ms);
      if (!pauseMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
