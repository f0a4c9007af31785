import { type FSWatcher, watch } from 'node:fs';

const folders = ['kit', 'gen', 'services'];

/** Tells each file that changes below kit, gen and services, by its path from `root`; the answer ends it. */
export function watchFiles(root: string, changed: (file: string) => void): () => void {
  const watchers: FSWatcher[] = folders.map((folder) =>
    watch(`${root}${folder}`, { recursive: true }, (_, name) => {
      if (name !== null) changed(`${folder}/${name.replaceAll('\\', '/')}`);
    }),
  );
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}
