// Bundles the extension and the scripts of its webviews; with --test the unit tests.
import { build } from 'esbuild';
import { readdirSync, rmSync } from 'node:fs';

const minify = process.argv.includes('--minify');
const common = { bundle: true, minify, sourcemap: minify ? false : 'inline', logLevel: 'warning' };

rmSync('dist', { recursive: true, force: true });
if (process.argv.includes('--test')) {
  const tests = readdirSync('test').filter((file) => file.endsWith('.test.ts')).map((file) => `test/${file}`);
  await build({ ...common, entryPoints: tests, outdir: 'dist/test', outExtension: { '.js': '.cjs' }, platform: 'node', format: 'cjs', target: 'node20' });
} else {
  await build({ ...common, entryPoints: ['src/extension.ts'], outfile: 'dist/extension.js', platform: 'node', format: 'cjs', target: 'node20', external: ['vscode'] });
  await build({
    ...common,
    entryPoints: { lineage: 'src/lineage/webview.ts', chat: 'src/chat/webview.ts' },
    outdir: 'dist',
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
  });
}
