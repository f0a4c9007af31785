/**
 * What the kit holds, waits for, sends at once and repeats at most. A service's own limits are in its domain.ts. Numbers that
 * bound nothing, of a format or of a way to reckon, stand where they are used.
 */
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
  /** Bytes of a stream's answers that may wait for the transport while the handler makes the next. */
  streamBytesWaitingMax: 64 * 1024,
  /** How often the other end of a connection is asked whether it is there; silent until the next time, it is not. */
  keepaliveMs: 60_000,
  /** The same as a client asks, which waits less: its calls could go elsewhere; and how long either waits for the answer. */
  clientKeepaliveMs: 30_000,
  keepaliveAnswerMsMax: 10_000,
  clientKeepaliveAnswerMsMax: 5_000,
  /** Pause before a client connects anew to an address that it could not reach. */
  reconnectBackoffMsMin: 50,
  reconnectBackoffMsMax: 1_000,
  /** The public door: connections that it holds at once, and how long one without a call stays open. */
  edgeConnectionsMax: 20_000,
  edgeIdleMsMax: 300_000,
  /** Headers of one request there, and for how long a browser may remember the answer to a preflight. */
  edgeHeadersMax: 100,
  preflightAgeMsMax: 7_200_000,

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
  /** Of these, streams of one person, or of one address where nobody is signed in; and when to ask again, in milliseconds. */
  streamsPerCallerMax: 100,
  streamsPerCallerPauseMs: 1_000,
  /** Event-loop lag above which new calls are shed, and how often it is sampled. */
  loopLagMsMax: 250,
  loopLagSampleMs: 25,
  /** Callers whose calls one process counts: the ones seen least recently are forgotten, which fills their bucket. */
  rateKeysMax: 50_000,

  /** Items that wait in one coalescer before it refuses. */
  coalesceQueueMax: 20_000,
  /** Items in one batch: past this a batch only adds latency. */
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

  /** How often a service looks at what it depends on, and the most that one look may take. */
  healthCheckMs: 1_000,
  /** How long a draining server waits for the calls in flight, and for balancers to see NOT_SERVING. */
  drainMsMax: 10_000,
  drainNoticeMs: 150,

  /** Of one audit entry: the details in bytes, the ordinary ones and the personal ones each, and ids in UTF-16 units. */
  auditDetailsBytesMax: 8 * 1024,
  auditIdLengthMax: 200,
  /** Entries of one event together: below what an event may have by more than what is not counted. */
  auditEventBytesMax: 448 * 1024,
  /** Entries of one event are compressed from so many bytes on: for fewer it takes longer than it saves. */
  auditCompressBytesMin: 8 * 1024,
  userAgentLengthMax: 256,

  /** Outbox rows per relay round, and how often the relay looks when nobody woke it. */
  outboxBatchMax: 500,
  outboxPollMs: 500,
  /** Rest before each turn of a relay or consumer: so many times what the last turn took, within these bounds. */
  restPerTurn: 8,
  restMsMin: 15,
  restMsMax: 200,
  outboxPayloadBytesMax: 512 * 1024, // half of what NATS takes

  /**
   * Deliveries of one event before it is a dead letter, and the pauses between them. While the database or another service
   * is away there is no end to them.
   */
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

  /** How long a bus that is away is waited for before the next try, and how often one that is there is asked. */
  busReconnectMs: 100,
  busPingMs: 10_000,

  /** SQL statements get the budget of their call, and this at most. */
  statementMsMax: 10_000,
  /** How long a connection to the database may take to stand, and to end once nothing is under way. */
  databaseConnectMsMax: 5_000,
  databaseEndMsMax: 5_000,
  /** How often a batch is tried because another process recorded one of its requests at the same moment. */
  collisionsMax: 5,
  /** Connections of one service, unless its process is told otherwise; and the part of them for statements that stand alone. */
  databaseConnectionsMax: 12,
  databaseReadersShare: 1 / 3,

  /** Fields that a vault seals or opens by one statement; data keys that it wraps anew in one transaction, and how often. */
  vaultFieldsMax: 10_000,
  vaultRewrapMax: 500,
  vaultRewrapEveryMs: 60_000,
  /** Unwrapped data keys that one process remembers, and for how long: to unwrap one is some microseconds. */
  vaultKeysKnownMax: 10_000,
  vaultKeysKnownMs: 60_000,

  /** A command to Redis may take this long: past it the database is the faster answer. Then the pauses between tries. */
  cacheCommandMsMax: 100,
  cacheReconnectMsMin: 50,
  cacheReconnectMsMax: 1_000,
  /** How long an invalidated key refuses to be filled: longer than any load that began before the change. */
  cacheTombstoneMs: 10_000,

  /** How often those who watch or follow something read it anew when nobody hinted at a change. */
  watchRefreshMs: 5_000,
  feedRefreshMs: 15_000,
  /** Entries of a feed in one piece: a reader far behind catches up in many. */
  feedEntriesMax: 100,

  /** Spans that wait for the collector, beyond which they are dropped: no call may wait for a trace. Then their exports. */
  spansWaitingMax: 4_096,
  spansPerExportMax: 512,
  spanExportEveryMs: 1_000,
  spanExportMsMax: 3_000,
  attributesPerSpanMax: 16,
  attributeLengthMax: 200,
  /** A scrape waits this long for a service: Prometheus itself gives up after ten seconds. */
  scrapeLookMsMax: 2_000,
  /** The port of metrics and health is for a scraper, a few probes and a person at a time. */
  metricsConnectionsMax: 32,
  metricsRequestMsMax: 5_000,
  metricsHeaderBytesMax: 4 * 1024,

  /** Good access tokens that one process remembers, about 300 bytes each, and tokens of services: a few dozen in any mesh. */
  accessTokensKnownMax: 50_000,
  serviceTokensKnownMax: 1_000,
  /**
   * An unknown key makes us ask its issuer again, at most this often, so that made-up tokens cost it nothing. Keys are
   * published much longer than this before they sign.
   */
  keysRefetchMsMin: 5_000,
  /** Keys at hand are fetched anew after this, so that a key that was withdrawn is believed no longer. */
  keysAgeMsMax: 300_000,
  keysFetchMsMax: 5_000,
  /** Life of an access token, and so the longest that a revocation has to be remembered. */
  accessTokenMsMax: 600_000,
  /** Revoked sessions that one process remembers; about 150 bytes each. Far above what ends in one token's life. */
  revokedSessionsMax: 200_000,
  /** How long their reader waits before it opens the stream anew, and for all that is in it to arrive. */
  revocationsReopenMs: 1_000,
  revocationsReplayMsMax: 10_000,
  /** The server gives a reader a sign of life twice in this time; a gap shows then. */
  revocationsSilenceMsMax: 4_000,
} as const;
