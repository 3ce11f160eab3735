import assert from 'node:assert/strict';
import { delimiter } from 'node:path';
import { test } from 'node:test';
import { findBinary } from '../src/binary';

const places = { setting: '', extension: '/ext', path: ['/usr/bin', '', '/opt/bin'].join(delimiter), home: '/home/a', platform: 'linux' as const };
const only = (...there: string[]) => (path: string): boolean => there.includes(path);

test('the bundled program comes before PATH, that before cargo', () => {
  assert.deepEqual(findBinary(places, only('/ext/server/ragstar', '/opt/bin/ragstar')), { program: '/ext/server/ragstar' });
  assert.deepEqual(findBinary(places, only('/opt/bin/ragstar', '/home/a/.cargo/bin/ragstar')), { program: '/opt/bin/ragstar' });
  assert.deepEqual(findBinary(places, only('/home/a/.cargo/bin/ragstar')), { program: '/home/a/.cargo/bin/ragstar' });
  assert.ok('missing' in findBinary(places, only()));
});

test('a setting is taken at its word', () => {
  assert.deepEqual(findBinary({ ...places, setting: '~/r' }, only('/home/a/r')), { program: '/home/a/r' });
  assert.deepEqual(findBinary({ ...places, setting: 'rs' }, only('/usr/bin/rs')), { program: '/usr/bin/rs' });
  assert.deepEqual(findBinary({ ...places, setting: '/gone' }, only('/opt/bin/ragstar')), { missing: 'ragstar.server.path is /gone, and no program is there' });
});

test('programs have another name on Windows', () => {
  assert.deepEqual(findBinary({ ...places, platform: 'win32' }, only('/ext/server/ragstar.exe')), { program: '/ext/server/ragstar.exe' });
});
