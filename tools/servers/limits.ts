/** Every wait and size of tools/servers. Times in milliseconds. */
export const limits = {
  readyMs: 30_000, // from spawn to the first right answer, crash recovery included
  pollMs: 20,
  probeMs: 10_000, // one question; `create database` on a slow disk is the longest
  stopMs: 20_000, // orderly stop; PostgreSQL writes its dirty buffers in that time
  killMs: 10_000, // from a fatal signal until the process is gone
  orphansMs: 2_000, // PostgreSQL backends leave by themselves after their postmaster's death
  lockMs: 120_000, // longer than the longest start that another launcher may be busy with
  initdbMs: 60_000,
  helperMs: 10_000, // `--version`, `test -x`
  installMs: 240_000, // one install method; `go install` with an empty cache takes a minute
  portAttemptsMax: 50,
  logTailLinesMax: 12,
  logBytesMax: 16 * 1024 * 1024, // a longer log is moved aside at the next start
  commandOutputCharsMax: 4_000,
} as const;
