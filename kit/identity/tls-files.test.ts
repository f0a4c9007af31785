import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createTestClock } from '../clock.ts';
import { limits } from '../limits.ts';
import { createAuthority } from '../testing/certificates.ts';
import { eventually } from '../testing/echo-fixture.ts';
import { spiffeId } from './caller.ts';
import { type TlsFiles, TlsFilesMismatch, watchTlsFiles } from './tls-files.ts';

const authority = createAuthority();

function inFolder(files: TlsFiles) {
  const folder = mkdtempSync(join(tmpdir(), 'meshwork-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const paths = {
    certificate: join(folder, 'tls.crt'),
    key: join(folder, 'tls.key'),
    ca: join(folder, 'ca.crt'),
  };
  const write = (part: keyof TlsFiles, text: string) => writeFileSync(paths[part], text);
  for (const part of ['certificate', 'key', 'ca'] as const) write(part, files[part]);
  return { folder, paths, write };
}

function watched(paths: Parameters<typeof watchTlsFiles>[0]) {
  const clock = createTestClock();
  const source = watchTlsFiles(paths, { clock, service: 'testing.echo' });
  onTestFinished(() => source.close());
  const seen: TlsFiles[] = [];
  source.onChange((files) => seen.push(files));
  return { source, seen, look: () => clock.advance({ milliseconds: limits.tlsFilesLookMs }) };
}

test('a rotation is seen once all its files are there', async () => {
  const first = authority.issue('testing.echo');
  const next = authority.issue('testing.echo');
  const { paths, write } = inFolder(first);
  const { source, seen, look } = watched(paths);
  expect(source.current()).toEqual(first);

  write('certificate', next.certificate);
  look();
  expect(source.current()).toEqual(first);
  write('key', next.key);
  await eventually(() => source.current()).toEqual(next);
  look();
  expect(seen).toEqual([next]);
});

test('files that are broken leave the last good ones in place', () => {
  const first = authority.issue('testing.echo');
  const { paths, write } = inFolder(first);
  const { source, seen, look } = watched(paths);
  write('certificate', first.certificate.slice(0, 100));
  look();
  write('certificate', '');
  look();
  rmSync(paths.ca);
  look();
  expect(source.current()).toEqual(first);
  expect(seen).toEqual([]);
});

test('a folder that is swapped by a symbolic link is followed', async () => {
  const first = inFolder(authority.issue('testing.echo'));
  const nextFiles = authority.issue('testing.echo');
  const next = inFolder(nextFiles);
  const root = mkdtempSync(join(tmpdir(), 'meshwork-tls-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const link = join(root, 'current');
  symlinkSync(first.folder, link);
  const { source, look } = watched({
    certificate: join(link, 'tls.crt'),
    key: join(link, 'tls.key'),
    ca: join(link, 'ca.crt'),
  });
  symlinkSync(next.folder, join(root, 'next'));
  renameSync(join(root, 'next'), link);
  look();
  expect(source.current()).toEqual(nextFiles);
});

test('files that do not fit together are refused at the start', () => {
  const one = authority.issue('testing.echo');
  const { paths, write } = inFolder(one);
  write('key', authority.issue('testing.echo').key);
  expect(() => watchTlsFiles(paths)).toThrow(TlsFilesMismatch);
  rmSync(paths.key);
  expect(() => watchTlsFiles(paths)).toThrow(/ENOENT/);
});

test('a certificate of another service, of several or of nobody is refused, at the start and later', () => {
  const own = authority.issue('testing.echo');
  const uris = [spiffeId('testing.echo'), spiffeId('testing.other')];
  const others = [
    authority.issue('testing.other'),
    authority.issue('testing.echo', { uris }),
    authority.issue('testing.echo', { uris: [] }),
  ];
  for (const { certificate, key } of others) {
    const { paths, write } = inFolder(own);
    const { source, look } = watched(paths);
    write('certificate', certificate);
    write('key', key);
    look();
    expect(source.current()).toEqual(own);
    expect(() => watchTlsFiles(paths, { service: 'testing.echo' })).toThrow(TlsFilesMismatch);
    watchTlsFiles(paths).close();
  }
});
