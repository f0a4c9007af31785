import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const folder = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export default defineConfig({
  cacheDir: folder('node_modules/.cache/meshwork/vite'),
  server: {
    host: '127.0.0.1',
    port: 5173,
    strictPort: true,
    // Not the whole repository: the secrets of the local platform are in it.
    fs: { allow: [folder('examples/browser'), folder('gen'), folder('node_modules')] },
  },
});
