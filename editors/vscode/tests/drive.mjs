// Tries the packed extension as a person does, in a real code-server in Chromium. Prints `ok <check>` for each thing that works.
//
// Environment: RAGSTAR_BIN the program, RAGSTAR_PROJECT a copy of the example project, RAGSTAR_VSIX the packed extension,
// RAGSTAR_CODE_SERVER the folder of code-server, RAGSTAR_NODE the Node that runs it, RAGSTAR_BROWSER a folder whose node_modules has
// playwright-core and, where RAGSTAR_CHROMIUM names no browser, @sparticuz/chromium; RAGSTAR_SHOTS where pictures go.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const need = (name) => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const [bin, project, vsix, codeServer, node] = ['BIN', 'PROJECT', 'VSIX', 'CODE_SERVER', 'NODE'].map((name) => need(`RAGSTAR_${name}`));
const shots = process.env.RAGSTAR_SHOTS ?? mkdtempSync(join(tmpdir(), 'shots-'));
const theme = process.env.RAGSTAR_THEME ?? 'Default Dark Modern';
const require = createRequire(join(need('RAGSTAR_BROWSER'), 'package.json'));
const { chromium } = require('playwright-core');

const data = mkdtempSync(join(tmpdir(), 'code-'));
mkdirSync(shots, { recursive: true });
mkdirSync(join(data, 'user/User'), { recursive: true });
writeFileSync(join(data, 'config.yaml'), 'auth: none\n');
writeFileSync(
  join(data, 'user/User/settings.json'),
  JSON.stringify({
    'workbench.colorTheme': theme,
    'workbench.startupEditor': 'none',
    'workbench.tips.enabled': false,
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
    'extensions.ignoreRecommendations': true,
    'telemetry.telemetryLevel': 'off',
    'security.workspace.trust.enabled': false,
    'git.enabled': false,
  }),
);
// What names a program is a matter of the machine that the server runs on.
mkdirSync(join(data, 'user/Machine'), { recursive: true });
writeFileSync(join(data, 'user/Machine/settings.json'), JSON.stringify({ 'ragstar.server.path': bin }));
const entry = join(codeServer, 'out/node/entry.js');
const common = [entry, '--config', join(data, 'config.yaml'), '--user-data-dir', join(data, 'user'), '--extensions-dir', join(data, 'extensions')];
const installed = spawnSync(node, [...common, '--install-extension', vsix], { encoding: 'utf8' });
if (installed.status !== 0) {
  throw new Error(`the extension was not installed: ${installed.stderr}`);
}
const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});
const flags = ['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, '--disable-telemetry', '--disable-update-check', '--disable-workspace-trust', '--disable-getting-started-override'];
const server = spawn(node, [...common, ...flags], { detached: true, stdio: 'ignore' });

/** A browser that needs nothing installed: it brings the libraries that a bare system lacks. */
async function unpacked() {
  process.env.AWS_LAMBDA_JS_RUNTIME ??= 'nodejs22.x';
  const { default: packed } = await import(pathToFileURL(require.resolve('@sparticuz/chromium')));
  return packed.executablePath();
}

const WAIT = 90_000;
let failed = false;
const executablePath = process.env.RAGSTAR_CHROMIUM ?? (await unpacked());
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
const page = await (await browser.newContext({ viewport: { width: 1400, height: 860 } })).newPage();
const shot = (name) => page.screenshot({ path: join(shots, `${name}.png`) });

async function check(name, run) {
  try {
    await run();
    await shot(name.replaceAll(' ', '-'));
    console.log(`ok ${name}`);
  } catch (error) {
    failed = true;
    await shot(`failed-${name.replaceAll(' ', '-')}`).catch(() => undefined);
    console.log(`FAILED ${name}: ${error}`);
  }
}

async function command(name) {
  await page.keyboard.press('F1');
  await page.waitForSelector('.quick-input-widget input', { timeout: WAIT });
  await page.keyboard.type(name);
  await page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first().click({ timeout: WAIT });
}

async function openFile(name) {
  await page.keyboard.press('Control+P');
  await page.waitForSelector('.quick-input-widget input', { timeout: WAIT });
  await page.keyboard.type(name);
  await page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first().click({ timeout: WAIT });
  await page.waitForSelector(`.tab.active[data-resource-name="${name}"]`, { timeout: WAIT });
  // The tab is there before the editor takes the keyboard.
  await page.waitForSelector('.editor-group-container.active .monaco-editor.focused', { timeout: WAIT });
}

/** The middle of a text's first place among the lines to be seen. */
async function spot(text) {
  const find = (wanted) => {
    for (const line of document.querySelectorAll('.editor-group-container.active .view-line')) {
      const walk = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const at = node.data.indexOf(wanted);
        if (at >= 0) {
          const range = document.createRange();
          range.setStart(node, at);
          range.setEnd(node, at + wanted.length);
          const box = range.getBoundingClientRect();
          return { x: box.x + box.width / 2, y: box.y + box.height / 2, right: box.right };
        }
      }
    }
    return null;
  };
  const handle = await page.waitForFunction(find, text, { timeout: WAIT });
  return handle.jsonValue();
}

try {
  const url = `http://127.0.0.1:${port}/?folder=${project}`;
  for (let tries = 0; ; tries++) {
    try {
      await page.goto(url);
      break;
    } catch (error) {
      if (tries > 60) {
        throw error;
      }
      await page.waitForTimeout(500);
    }
  }
  await page.waitForSelector('.monaco-workbench', { timeout: WAIT });
  await check('status', async () => {
    await openFile('fct_monthly_revenue.sql');
    await page.locator('.statusbar-item', { hasText: 'shop' }).first().waitFor({ timeout: WAIT });
  });
  await check('hover', async () => {
    const at = await spot('fct_refunds');
    await page.mouse.move(at.x - 4, at.y);
    await page.mouse.move(at.x, at.y, { steps: 4 });
    await page.locator('.monaco-hover:not(.hidden)', { hasText: 'fct_refunds' }).first().waitFor({ timeout: WAIT });
    await page.waitForTimeout(500);
  });
  await check('lenses and hints', async () => {
    await page.mouse.move(900, 700);
    await page.locator('.codelens-decoration', { hasText: 'downstream' }).first().waitFor({ timeout: WAIT });
  });
  await check('definition', async () => {
    const at = await spot('fct_refunds');
    await page.mouse.click(at.x, at.y);
    await page.keyboard.press('F12');
    await page.waitForSelector('.tab.active[data-resource-name="fct_refunds.sql"]', { timeout: WAIT });
    await openFile('fct_monthly_revenue.sql');
  });
  await check('completion', async () => {
    const at = await spot('fct_refunds');
    await page.mouse.dblclick(at.x, at.y);
    await page.keyboard.type('fct');
    await page.keyboard.press('Control+Space');
    await page.locator('.suggest-widget.visible .monaco-list-row', { hasText: 'fct_orders' }).first().waitFor({ timeout: WAIT });
    await page.waitForTimeout(800);
  });
  await check('diagnostics and quick fix', async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.type('_refund');
    await page.keyboard.press('Escape');
    await page.locator('.squiggly-error').first().waitFor({ state: 'attached', timeout: WAIT });
    const at = await spot('fct_refund');
    await page.mouse.click(at.x, at.y);
    await page.keyboard.press('Control+.');
    await page.locator('.action-widget .monaco-list-row', { hasText: 'Change to `fct_refunds`' }).first().waitFor({ timeout: WAIT });
    await shot('quick-fix-offered');
    await page.keyboard.press('Enter');
    await spot('fct_refunds');
    await page.keyboard.press('Control+S');
  });
  await check('description written to disk', async () => {
    await openFile('_core__models.yml');
    const file = join(project, 'models/marts/core/_core__models.yml');
    const before = readFileSync(file, 'utf8');
    // With a language model a column that nothing can be taken over for.
    const wanted = process.env.LLM_CHAT_BASE_URL ? /- name: (quarter_start) / : /- name: (\w+)\n(?!\s*description:)/;
    const missing = wanted.exec(before);
    await page.keyboard.press('Control+F');
    await page.locator('.find-widget.visible').first().waitFor({ timeout: WAIT });
    // It takes the keyboard a moment after it is to be seen.
    await page.waitForTimeout(700);
    await page.keyboard.type(`name: ${missing[1]}`);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+.');
    const offer = page.locator('.action-widget .monaco-list-row', { hasText: 'Write description' }).first();
    await offer.waitFor({ timeout: WAIT });
    await offer.click();
    await page.waitForTimeout(2000);
    await page.keyboard.press('Control+S');
    const old = new Set(before.split('\n'));
    let added = [];
    // A language model takes its time, and a file that is being saved may be empty for a moment.
    for (let tries = 0; added.length === 0; tries++) {
      if (tries > 120) {
        throw new Error('nothing was written');
      }
      await page.waitForTimeout(1000);
      await page.keyboard.press('Control+S');
      await page.waitForTimeout(200);
      added = readFileSync(file, 'utf8').split('\n').filter((line) => !old.has(line));
    }
    if (added.length !== 1 || !added[0].trim().startsWith('description:')) {
      throw new Error(`more than a description was written: ${JSON.stringify(added)}`);
    }
    if (process.env.LLM_CHAT_BASE_URL && added[0].trim().length < 25) {
      throw new Error(`the language model wrote nothing: ${added[0]}`);
    }
  });
  await check('draft accepted', async () => {
    if (!process.env.LLM_CHAT_BASE_URL) {
      return;
    }
    // The draft is told on the line of its text, once it is noted.
    await page.waitForTimeout(2000);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('End');
    const offer = page.locator('.action-widget .monaco-list-row', { hasText: 'Accept draft' }).first();
    for (let tries = 0; ; tries++) {
      await page.keyboard.press('Control+.');
      if (await offer.waitFor({ timeout: 3000 }).then(() => true, () => false)) {
        break;
      }
      await page.keyboard.press('Escape');
      if (tries > 5) {
        throw new Error('no draft is offered to be accepted');
      }
    }
    await shot('draft-offered');
    await offer.click();
    await page.waitForTimeout(1500);
    await page.keyboard.press('Control+.');
    await page.waitForTimeout(1500);
    if (await offer.isVisible()) {
      throw new Error('the draft is still offered');
    }
    await page.keyboard.press('Escape');
  });
  await check('compiled SQL', async () => {
    await openFile('fct_monthly_revenue.sql');
    await command('Ragstar: Show compiled SQL');
    await page.waitForFunction(() => [...document.querySelectorAll('.view-lines')].some((lines) => lines.textContent.includes('"fct_refunds"')), null, { timeout: WAIT });
  });
  await check('lineage', async () => {
    await command('View: Close All Editors').catch(() => undefined);
    await openFile('fct_monthly_revenue.sql');
    await command('Ragstar: Show lineage');
    const inner = page.frameLocator('iframe.webview').first().frameLocator('#active-frame');
    await inner.locator('#graph canvas').first().waitFor({ timeout: WAIT });
    await page.waitForTimeout(2500);
    await shot('lineage-nodes');
    await inner.locator('#columns').check();
    await page.waitForTimeout(1500);
  });
  await check('chat', async () => {
    await command('View: Close All Editors').catch(() => undefined);
    await openFile('fct_monthly_revenue.sql');
    await command('Ragstar: Open chat');
    const inner = page.frameLocator('iframe.webview').last().frameLocator('#active-frame');
    await inner.locator('#question').fill('How is monthly revenue computed?');
    await inner.locator('#ask').click();
    await inner.locator('.sources a').first().waitFor({ timeout: WAIT * 2 });
    await inner.locator('.sources a').first().click();
  });
} finally {
  await browser.close();
  try {
    process.kill(-server.pid);
  } catch {
    // It has ended by itself.
  }
}
process.exit(failed ? 1 : 0);
