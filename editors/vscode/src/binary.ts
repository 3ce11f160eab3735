// Where the program is: in the settings, beside the extension, on PATH, where cargo installs.

import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

export interface Places {
  /** The setting; empty for none. */
  setting: string;
  /** The extension's folder. */
  extension: string;
  /** PATH as the environment has it. */
  path: string;
  home?: string;
  platform?: NodeJS.Platform;
}

export type Found = { program: string } | { missing: string };

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Finds the program; a setting that names none is told rather than worked around. */
export function findBinary(places: Places, exists: (path: string) => boolean = isProgram): Found {
  const home = places.home ?? homedir();
  const name = (places.platform ?? process.platform) === 'win32' ? 'ragstar.exe' : 'ragstar';
  if (places.setting !== '') {
    const program = places.setting.startsWith('~/') ? join(home, places.setting.slice(2)) : places.setting;
    if (isAbsolute(program)) {
      return exists(program) ? { program } : { missing: `ragstar.server.path is ${program}, and no program is there` };
    }
    const found = onPath(program, places.path, exists);
    return found ? { program: found } : { missing: `ragstar.server.path is ${program}, which is not on your PATH` };
  }
  const bundled = join(places.extension, 'server', name);
  const found = exists(bundled) ? bundled : onPath(name, places.path, exists);
  if (found) {
    return { program: found };
  }
  const cargo = join(home, '.cargo', 'bin', name);
  return exists(cargo) ? { program: cargo } : { missing: 'the program `ragstar` was not found on your PATH' };
}

function onPath(name: string, path: string, exists: (path: string) => boolean): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(exists);
}
