/** The banking story: money comes in, moves, waits for two people, is denied; and the log proves what was done. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Account, AccountService } from '#gen/finance/account/v1/account_pb.ts';
import {
  Awaiting,
  type Transaction,
  TransactionService,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { AccountType, TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import { Role, UserService } from '#gen/platform/user/v1/user_pb.ts';
import { RpcError } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import { moneyText } from '#kit/money.ts';
import type { Channel } from '#kit/rpc/client/channel.ts';
import { type Client, createClient } from '#kit/rpc/client/client.ts';
import { hashLeaf, provesInclusion } from '#services/platform/audit/log/merkle.ts';
import { openCheckpoint, readVerifier } from '#services/platform/audit/log/note.ts';
import { type As, signIn } from '../gateway.ts';
import { eventually, listen, name, type Say, type Story, signUp } from './story.ts';

const currencyCode = 'EUR';
const euro = (amountMinor: bigint) => ({ currencyCode, amountMinor });
const text = (amountMinor: bigint) => moneyText(euro(amountMinor), 'en');

/** What a customer brings in, sends, sends that somebody has to look at, and would like to send. */
const amounts = { deposit: 500_000_00n, small: 250_00n, large: 150_000_00n, absurd: 2_000_000_00n };

export const playBank: Story = async (gateway, say, staff) => {
  const ledger = createClient(TransactionService, gateway);
  const desk = await signIn(gateway, staff());
  const [mary, charles] = [
    await openAccount(gateway, 'Mary Somerville', say),
    await openAccount(gateway, 'Charles Babbage', say),
  ];

  const cash = { destinationAccountId: mary.accountId, amount: euro(amounts.deposit) };
  const deposit = { requestId: uuidv7(), type: TransactionType.DEPOSIT, ...cash };
  say(`2. brings in cash: ${tell((await ledger.executeTransaction(deposit, desk)).transaction!)}`);

  const { accountId } = await findByNumber(gateway, charles);
  const send = async (amountMinor: bigint, reference: string) => {
    const parties = { sourceAccountId: mary.accountId, destinationAccountId: accountId };
    const content = { type: TransactionType.TRANSFER, amount: euro(amountMinor), reference };
    const request = { requestId: uuidv7(), ...parties, ...content };
    return (await ledger.executeTransaction(request, mary.as)).transaction!;
  };
  const sent = await send(amounts.small, 'For the difference engine');
  say(`3. sends to that number: ${tell(sent)}`);
  say(`   ${await balanceOf(ledger, mary)}`);

  const waiting = await send(amounts.large, 'For the analytical engine');
  say(`4. sends much more: ${tell(waiting)}`);
  say(`   ${await balanceOf(ledger, mary)}`);
  await reviewByTwo(gateway, waiting.transactionId, desk, say);
  say(`   ${await balanceOf(ledger, mary)}`);

  const refusal = await refusalOf(() => send(amounts.absurd, 'For an engine of gold'));
  say(`5. wants to send ${text(amounts.absurd)}: ${refusal.reason}`);
  const denied = { transactionId: refusal.metadata.transaction_id! };
  const { transaction } = await ledger.getTransaction(denied, desk);
  for (const { explanation } of transaction!.riskVerdict!.findings) {
    say(`   as staff read it: ${explanation}`);
  }

  await sayStatement(ledger, mary, say);
  say('7. were told meanwhile, by event and stream, in the order of arrival:');
  // Received, sent, checked, sent, not carried out; and received twice.
  await sayTold(mary, 5, say);
  await sayTold(charles, 2, say);
  await prove(gateway, sent.transactionId, desk, say);
};

type Customer = Awaited<ReturnType<typeof openAccount>>;

async function openAccount(gateway: Channel, legalName: string, say: Say) {
  const login = await signUp(gateway, legalName);
  const as = await signIn(gateway, login);
  const inbox = await listen(gateway, as);
  const accounts = createClient(AccountService, gateway);
  const kind = { accountType: AccountType.CHECKING, currencyCode };
  const holder = { legalName, taxId: `DEMO-${Date.now()}` };
  const { account } = await accounts.createAccount({ requestId: uuidv7(), ...kind, ...holder }, as);
  const { maskedNumber, accountId, createTime }: Account = account!;
  say(`1. ${login.email} opens account ${maskedNumber}`);
  return { as, inbox, accountId, createTime: createTime!, firstName: legalName.split(' ')[0]! };
}

/** Nobody but the holder sees the whole number; by it others find where money can go, and nothing else. */
async function findByNumber(gateway: Channel, { as, accountId }: Customer) {
  const accounts = createClient(AccountService, gateway);
  const own = { requestId: uuidv7(), accountId };
  const { accountNumber } = await accounts.revealAccountNumber(own, as);
  return accounts.lookupAccount({ accountNumber }, as);
}

async function balanceOf(ledger: Client<typeof TransactionService>, customer: Customer) {
  const { accountId, firstName, as } = customer;
  const { balances } = await ledger.getBalances({ accountIds: [accountId] }, as);
  const { postedMinor, heldMinor, availableMinor } = balances[0]!;
  return `${firstName} has ${text(postedMinor)}, ${text(heldMinor)} held, ${text(availableMinor)} to spend`;
}

/** One of the two is on the staff for as long as the story needs somebody. */
async function reviewByTwo(gateway: Channel, transactionId: string, desk: As, say: Say) {
  const [ledger, users] = [
    createClient(TransactionService, gateway),
    createClient(UserService, gateway),
  ];
  const review = async (by: As) => {
    const verdict = { transactionId, approves: true, note: 'He showed us the drawings.' };
    return ledger.reviewTransaction({ requestId: uuidv7(), ...verdict }, by);
  };
  say(`   an analyst approves: ${tell((await review(desk)).transaction!)}`);
  say(`   and cannot a second time: ${(await refusalOf(() => review(desk))).reason}`);
  const colleague = await signUp(gateway, 'Florence Nightingale');
  const { userId } = colleague;
  await users.setRoles({ requestId: uuidv7(), userId, roles: [Role.STAFF] }, desk);
  try {
    const { transaction } = await review(await signIn(gateway, colleague));
    say(`   another one approves: ${tell(transaction!)}`);
  } finally {
    await users.setRoles({ requestId: uuidv7(), userId, roles: [Role.CUSTOMER] }, desk);
  }
}

async function sayStatement(
  ledger: Client<typeof TransactionService>,
  { accountId, createTime: startTime, as }: Customer,
  say: Say,
): Promise<void> {
  const period = { accountId, startTime, endTime: timestampFromMs(Date.now()) };
  const statement = await ledger.getStatement(period, as);
  const { openingMinor, creditsMinor, debitsMinor, closingMinor } = statement;
  const change = `${text(openingMinor)} + ${text(creditsMinor)} - ${text(debitsMinor)}`;
  say(`6. the statement: ${change} = ${text(closingMinor)}`);
  const { entries } = await ledger.listEntries(period, as);
  for (const { sequence, deltaMinor, balanceMinor, reference } of entries.toReversed()) {
    say(`   ${sequence}. ${text(deltaMinor)} leaves ${text(balanceMinor)} ${reference}`.trimEnd());
  }
}

async function sayTold({ inbox, firstName }: Customer, count: number, say: Say): Promise<void> {
  for (const { title, body } of await inbox.read(count)) say(`   ${firstName}: ${title}. ${body}`);
  await inbox.close();
}

/** Trusts nothing but the key of the log: that the entry is there follows from what is hashed here. */
async function prove(gateway: Channel, transactionId: string, desk: As, say: Say): Promise<void> {
  const audit = createClient(AuditService, gateway);
  const about = { action: 'transaction.execute', resource: 'transaction' };
  const { auditLogs } = await eventually(
    () => audit.listAuditLogs({ ...about, resourceId: transactionId }, desk),
    (page) => page.auditLogs.length > 0,
  );
  const { entryId, userId } = auditLogs[0]!;
  const { verifiers } = await audit.getCheckpoint({}, desk);
  const { note, leaf, leafIndex, hashes } = await audit.getInclusionProof({ entryId }, desk);
  const { origin, size, root } = openCheckpoint(note, verifiers.map(readVerifier));
  const proof = hashes.map((hash) => Buffer.from(hash));
  const holds = (entry: Uint8Array) =>
    provesInclusion({ leafHash: hashLeaf(entry), index: Number(leafIndex), size, root, proof });
  const isThere = holds(leaf) && JSON.parse(Buffer.from(leaf).toString()).entry_id === entryId;
  const isForged = holds(Buffer.from(leaf.map((byte, i) => (i === leaf.length - 1 ? 0 : byte))));
  if (!isThere || isForged) throw new Error(`the proof of audit entry ${entryId} does not hold`);
  say(`8. ${origin} has who did it, as entry ${leafIndex} of ${size}: user ${userId}`);
  say(
    `   proved by ${proof.length} hashes and a signed checkpoint with root ${root.toString('hex')}`,
  );
}

async function refusalOf(call: () => Promise<unknown>): Promise<RpcError> {
  const ended = await call().catch((error: unknown) => error);
  if (ended instanceof RpcError && ended.reason !== '') return ended;
  throw ended instanceof Error ? ended : new Error('nobody refused it');
}

function tell({ amount, status, awaits }: Transaction): string {
  const waits = awaits === Awaiting.UNSPECIFIED ? '' : `, awaits ${name(Awaiting, awaits)}`;
  return `${moneyText(amount!, 'en')} ${name(TransactionStatus, status)}${waits}`;
}
