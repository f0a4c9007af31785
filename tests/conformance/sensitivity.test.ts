/** What the contract marks secret or personal shows in no log line, span, refusal or metric; a secret in no event either. */
import type { DescMessage } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sensitivity } from '#gen/platform/policy/v1/policy_pb.ts';
import { scrape } from '#kit/telemetry/metrics.ts';
import { sensitivityOf } from '#tools/check/sensitivity.ts';
import { allMethods } from '../support/any-method.ts';
import { messagesOf } from '../support/evidence.ts';
import { requestsWith } from '../support/requests/planted.ts';
import { refusalText } from '../support/secrecy.ts';
import { startWatchedWorld, type WatchedWorld } from '../support/watched-world.ts';

const { SECRET, PERSONAL } = Sensitivity;
const mark = 'canary-of-a-mark';
/** The same by the rules of whatever is marked: some text, a password, an address, a telephone number, a token. */
const texts = [mark, `${mark}@example.com`, '+4930271828182', `tok_${mark.replaceAll('-', '_')}`];
const traces = [mark, '271828182', mark.replaceAll('-', '_')];

let watched: WatchedWorld;

beforeAll(async () => {
  watched = await startWatchedWorld();
});
afterAll(() => watched.stop());

/** How a field that a path leads to is marked, by itself or by what it lies in. */
function markOn(schema: DescMessage, path: string): Sensitivity {
  let message: DescMessage | undefined = schema;
  for (const name of path.replace(/ key$/, '').split('.')) {
    const field: DescMessage['fields'][number] = message!.fields.find((one) => one.name === name)!;
    if (sensitivityOf(field) !== Sensitivity.UNSPECIFIED) return sensitivityOf(field);
    message = field.message;
  }
  return Sensitivity.UNSPECIFIED;
}

const subjects = allMethods().flatMap((subject) => {
  const paths = requestsWith('', subject.method.input).map(({ field }) => field);
  const marked = paths.filter((path) =>
    [SECRET, PERSONAL].includes(markOn(subject.method.input, path) as typeof SECRET),
  );
  return marked.length === 0 ? [] : [{ ...subject, marked }];
});

describe('what is marked', () => {
  test.each(subjects)('$title: is sent, and not repeated by a refusal', async (subject) => {
    let sent = 0;
    for (const text of texts) {
      const isMarked = (field: string) => subject.marked.includes(field);
      for (const { field, refusal } of await watched.plant(text, subject, isMarked)) {
        sent += 1;
        if (refusal === undefined) continue;
        for (const trace of traces) expect(refusalText(refusal), field).not.toContain(trace);
      }
    }
    expect(sent).toBeGreaterThanOrEqual(texts.length);
  });

  test('goes with whom it describes through all that the mesh does for a person', async () => {
    const owner = await watched.world.owner(`${mark}-owner`, 2n);
    await owner.stir();
  });

  test('is in no log line, span or metric', async () => {
    const { world, evidence } = watched;
    await world.settle();
    const lines = evidence.lines.join('\n');
    const spans = evidence
      .spans()
      .map(({ text }) => text)
      .join('\n');
    expect(lines).toContain('rpc.answered');
    expect(spans).toContain('/platform.user.v1.UserService/CreateUser');
    for (const trace of traces) {
      expect(lines).not.toContain(trace);
      expect(spans).not.toContain(trace);
      expect(await scrape()).not.toContain(trace);
    }
  });

  test('is in no event', async () => {
    const messages = await messagesOf(watched.world.network);
    expect(messages.map(({ type }) => type)).toContain('UserCreated');
    for (const { type, text } of messages) {
      for (const trace of traces) expect(text, type).not.toContain(trace);
    }
  });
});
