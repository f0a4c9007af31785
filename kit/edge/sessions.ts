import type { Http2Server, Http2Session } from 'node:http2';

/** The HTTP/2 connections of a door. */
export interface Sessions {
  /** Lets each end when its last call is answered. */
  drain(): void;
  stop(): void;
}

/** One connection, and what it did since somebody looked. */
interface Watched {
  session: Http2Session;
  callsOpen: number;
  idleSince: number;
  isAwaited: boolean;
}

/**
 * Asks every connection each `keepaliveMs` whether its peer is still there, and ends those that have not answered until
 * the next time: a peer whose network went away says nothing, and would keep its streams open for ever. A connection on
 * which nobody has called for `idleMsMax` is closed with GOAWAY, which costs its client no call.
 */
export function watchSessions(
  server: Http2Server,
  { keepaliveMs, idleMsMax }: { keepaliveMs: number; idleMsMax: number },
): Sessions {
  const all = new Set<Watched>();

  server.on('session', (session) => {
    const watched = { session, callsOpen: 0, idleSince: performance.now(), isAwaited: false };
    all.add(watched);
    session.once('close', () => all.delete(watched));
    session.on('stream', (stream) => {
      watched.callsOpen += 1;
      stream.once('close', () => {
        watched.callsOpen -= 1;
        watched.idleSince = performance.now();
      });
    });
  });

  function look(watched: Watched): void {
    const { session, callsOpen, idleSince, isAwaited } = watched;
    if (session.destroyed) return;
    if (isAwaited) {
      session.destroy();
    } else if (callsOpen === 0 && performance.now() - idleSince > idleMsMax) {
      session.close();
    } else {
      watched.isAwaited = true;
      session.ping((error) => {
        if (!error) watched.isAwaited = false;
      });
    }
  }

  const timer = setInterval(() => {
    for (const watched of all) look(watched);
  }, keepaliveMs).unref();
  return {
    drain() {
      for (const { session } of all) session.close();
    },
    stop: () => clearInterval(timer),
  };
}
