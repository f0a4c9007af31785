/** What all stories are told with. */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { NotificationService } from '#gen/platform/notification/v1/notification_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Channel } from '#kit/rpc/client/channel.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import type { As, Login } from '../gateway.ts';
import { type Inbox, openInbox } from './inbox.ts';

export type Say = (line: string) => void;

/** Plays through a gateway, and says each line as it is answered; `staff` is for what only staff do. */
export type Story = (gateway: Channel, say: Say, staff: () => Login) => Promise<void>;

/** Milliseconds in which a whole story has been told, on a slow machine too. */
export const storyMsMax = 60_000;
const pauseMs = 50;

/** Somebody new, whom no earlier telling has met. */
export interface Newcomer extends Login {
  readonly userId: string;
}

export async function signUp(gateway: Channel, name: string): Promise<Newcomer> {
  const email = `${name.split(' ')[0]!.toLowerCase()}.${Date.now()}@meshwork.example`;
  const login = { email, password: randomUUID() };
  const users = createClient(UserService, gateway);
  const { user } = await users.createUser({ requestId: uuidv7(), name, ...login });
  return { ...login, userId: user!.userId };
}

/** What somebody is told from now on. */
export function listen(gateway: Channel, as: As): Promise<Inbox> {
  const notifications = createClient(NotificationService, gateway);
  return openInbox(notifications.streamNotifications({}, { ...as, timeoutMs: storyMsMax }));
}

/** Asks until the answer is the awaited one; throws when it does not come while the story lasts. */
export async function eventually<Answer>(
  ask: () => Promise<Answer>,
  isIt: (answer: Answer) => boolean,
): Promise<Answer> {
  const until = Date.now() + storyMsMax;
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    if (Date.now() > until) throw new Error(`not done after ${storyMsMax / 1_000} s`);
    await setTimeout(pauseMs);
  }
}

/** Generated enums have no reverse look-up. */
export function name(values: Record<string, number>, value: number): string {
  return Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value);
}
