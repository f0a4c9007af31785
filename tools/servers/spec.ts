import type { ServerName } from './errors.ts';
import type { Command } from './process.ts';

/** A server process that this launcher started or found running. */
export interface ManagedServer {
  readonly name: ServerName;
  /** The pid now, or that of the last process while none runs. */
  readonly pid: number;
  /** Stable over restarts: the port is kept. */
  readonly url: string;
  /** Sends a fatal signal; resolves when the process, and its children, are gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /**
   * Starts again on the same port and data; resolves when it answers. Does nothing when it runs.
   */
  start(): Promise<void>;
  /** Ends it in an orderly way. Does nothing when it does not run. */
  stop(): Promise<void>;
}

/** What managed.ts must know of one kind of server. */
export interface ServerSpec {
  readonly name: ServerName;
  readonly dataDir: string;
  readonly stopSignal: NodeJS.Signals;
  urlOn(port: number): string;
  /**
   * Texts that the command line of our process contains; without them a process is never touched.
   */
  commandLineHas(port: number): readonly string[];
  /** False when a running server has other settings than those asked for now. */
  isReusable?(commandLine: string): boolean;
  /** Prepares data and configuration; says what to spawn. */
  prepare(port: number): Promise<Command>;
  /** Rejects until the server answers. */
  ask(port: number): Promise<void>;
  /** Called when the process is gone: waits for whatever it left behind. */
  settle?(): Promise<void>;
}

export interface LaunchedServer extends ManagedServer {
  /** Stops the server, unless another living launcher owns it. */
  release(): Promise<void>;
}

/** Receives one line per noteworthy step. */
export type Progress = (line: string) => void;
