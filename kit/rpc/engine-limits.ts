import { limits } from '../limits.ts';
import type { EngineOptions } from './engine.ts';

/** What every engine is held to, on both sides, unless a test says otherwise. Plaintext. */
export const engineLimits: EngineOptions = {
  messageBytesMax: limits.messageBytesMax,
  headerBytesMax: limits.headerBytesMax,
  streamsPerConnectionMax: limits.streamsPerConnectionMax,
  transferMsMax: limits.transferMsMax,
  keepaliveMs: limits.keepaliveMs,
};
