/** Every number by which the kit bounds itself. A service's own numbers are in its domain.ts. */
export const limits = {
  /** The largest message, either way, in bytes. gRPC's own default; both sides set it. */
  messageBytesMax: 4 * 1024 * 1024,
  /** Request headers, decoded, in bytes: room for two tokens and a trace. */
  headerBytesMax: 16 * 1024,
  /** Details of one error, in bytes: base64 adds a third, and they must fit into the headers with all the rest. */
  errorDetailsBytesMax: 8 * 1024,
  /** Text of one error, in UTF-16 units: percent-encoding may make nine bytes of one. */
  errorTextMax: 500,
  /** Streams that one connection may have open. Above the most that one load generator keeps in flight. */
  streamsPerConnectionMax: 4_096,
  /** How long a request may take to arrive, and an answer to be taken, before the call is reset: 4 MB at 70 kB/s. */
  transferMsMax: 60_000,
  /** How often that is looked at within the time: a timer for each call would cost every call. */
  transferLooks: 4,
  /** How often the other end of a connection is asked whether it is there; silent until the next time, it is not. */
  keepaliveMs: 60_000,
  /** The public door: connections that it holds at once, and how long one without a call stays open. */
  edgeConnectionsMax: 20_000,
  edgeIdleMsMax: 300_000,

  /** What a hop keeps of its deadline for itself, to answer its own caller in time. */
  deadlineReserveMs: 5,
  /** With less than this left a call is refused at once: no hop does useful work in it. */
  deadlineUsefulMsMin: 2,
  /** The longest deadline of a unary call; a caller that asks for more gets this. */
  deadlineMsMax: 120_000,
  /** The longest life of a stream at the edge. */
  streamMsMax: 3_600_000,

  /** Attempts of one logical call, the first included. */
  attemptsMax: 3,
  /** Retry budget of a client: tokens at start and at most; a retryable failure costs one. */
  retryTokensMax: 100,
  /** Tokens that a success gives back: about 10 % extra load in a total failure. */
  retryTokensPerSuccess: 0.1,
  retryBackoffMsMin: 20,
  retryBackoffMsMax: 500,

  /** Faults of one address in a row that eject it. */
  faultsInRowMax: 5,
  /** Share of an address's calls in one window that may be faults, and the calls it takes to judge. */
  faultShareMax: 0.5,
  faultWindowMs: 10_000,
  faultWindowCallsMin: 20,
  /** How long an address stays ejected, the first time and at most; and good calls on probation that bring it back. */
  ejectionMsMin: 1_000,
  ejectionMsMax: 30_000,
  probesMin: 3,
  /** Pause before a health watch that ended begins again. */
  healthBackoffMsMin: 50,
  healthBackoffMsMax: 1_000,

  /** How often host names are looked up anew, and how long a look may take. */
  namesLookMs: 5_000,

  /** Calls that a server works on at once before it sheds. */
  callsInFlightMax: 2_000,
  /** Streams that a server keeps open at once; they are counted apart, for they mostly wait. */
  streamsOpenMax: 20_000,
  /** Event-loop lag above which new calls are shed, and how often it is sampled. */
  loopLagMsMax: 250,
  loopLagSampleMs: 25,

  /** Items that wait in one coalescer before it refuses. */
  coalesceQueueMax: 20_000,
  /** Items in one batch: past this a batch only adds latency (facts/ledger.md, section 3). */
  coalesceBatchMax: 500,

  /**
   * Group admission: how long a group is waited for at most, how much of it has to be through, and for how long those who
   * are can come again: this share of the time that the group took, and at most.
   */
  admissionMsMax: 60,
  admissionShare: 0.8,
  admissionRest: 0.2,
  admissionRestMsMax: 20,

  /** How often certificates are looked at on file systems that do not tell of changes. */
  tlsFilesLookMs: 60_000,

  /** How long a draining server waits for the calls in flight, and for balancers to see NOT_SERVING. */
  drainMsMax: 10_000,
  drainNoticeMs: 150,

  /** Outbox rows per relay round, and how often the relay looks when nobody woke it. */
  outboxBatchMax: 500,
  outboxPollMs: 500,
  /** Rest before each turn of a relay or consumer: so many times what the last turn took, within these bounds. */
  restPerTurn: 8,
  restMsMin: 15,
  restMsMax: 200,
  outboxPayloadBytesMax: 256 * 1024,

  /** Deliveries of one event before it is a dead letter, and the pauses between them. */
  deliveriesMax: 6,
  redeliveryBackoffMs: [200, 1_000, 5_000, 15_000, 60_000],
  /** Events that one consumer holds at once. */
  consumerInFlightMax: 256,
  /** How long a stream keeps events: room for every consumer to be away over a weekend. */
  eventAgeMsMax: 7 * 24 * 3_600_000,
  /** How long JetStream itself knows an event that is published again; consumers know it for longer. */
  eventRepeatMsMax: 120_000,
  /** Dead letters of one service: all that one replay looks through. When there are so many, consumers stand still. */
  deadLettersMax: 10_000,

  /** SQL statements get the budget of their call, and this at most. */
  statementMsMax: 10_000,
  /** How often a batch is tried because another process recorded one of its requests at the same moment. */
  collisionsMax: 5,
  /** Connections of one service, unless its process is told otherwise; and the part of them for statements that stand alone. */
  databaseConnectionsMax: 12,
  databaseReadersShare: 1 / 3,

  pageSizeMax: 200,

  /** Life of an access token, and so the longest that a revocation has to be remembered. */
  accessTokenMsMax: 600_000,
  /** Revoked sessions that one process remembers; about 150 bytes each. Far above what ends in one token's life. */
  revokedSessionsMax: 200_000,
} as const;
