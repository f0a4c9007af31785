import { type FSWatcher, readdirSync, watch } from 'node:fs';

const folders = ['kit', 'gen', 'services'];

/**
 * Tells each file that changes below kit, gen and services, by its path from `root`; the answer ends it. Every folder is
 * watched by itself: the recursive watch of Linux loses a file for ever once an editor has put another in its place.
 */
export function watchFiles(root: string, changed: (file: string) => void): () => void {
  const watchers = new Map<string, FSWatcher>();

  /** Watches a folder and those in it, and answers the files there. */
  function add(folder: string): string[] {
    const entries = entriesOf(`${root}${folder}`);
    if (entries === undefined) return [];
    // One that was removed and made again is not the one that was watched.
    watchers.get(folder)?.close();
    const watcher = watch(`${root}${folder}`, (_, name) => {
      if (name !== null) look(`${folder}/${name}`);
    });
    // What is removed may say so by an error.
    watcher.on('error', () => watcher.close());
    watchers.set(folder, watcher);
    return entries.flatMap(({ name, isFolder }) =>
      isFolder ? add(`${folder}/${name}`) : [`${folder}/${name}`],
    );
  }

  /** A folder is new, with files that came before anybody watched it; all else is a file. */
  function look(path: string): void {
    const isFolder = entriesOf(`${root}${path}`) !== undefined;
    for (const file of isFolder ? add(path) : [path]) changed(file);
  }

  for (const folder of folders) add(folder);
  const top = watch(root, (_, name) => {
    if (name !== null && folders.includes(name)) look(name);
  });
  return () => {
    for (const watcher of [top, ...watchers.values()]) watcher.close();
  };
}

/** What is in a folder; undefined when it is none, or gone. */
function entriesOf(path: string): { name: string; isFolder: boolean }[] | undefined {
  try {
    return readdirSync(path, { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      isFolder: entry.isDirectory(),
    }));
  } catch {
    return undefined;
  }
}
