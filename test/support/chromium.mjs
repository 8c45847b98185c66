// @ts-check
// Finds a Chromium to drive, and installs one where there is none. Every wait in here has a limit.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const isRoot = process.getuid?.() === 0;

/** How the tests start it: no background traffic, WebGPU in software, and no sandbox where root has none. */
export const chromiumArguments = [
  ...(isRoot ? ['--no-sandbox'] : []),
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--ignore-gpu-blocklist',
];

const linuxNames = [
  'chromium',
  'google-chrome-stable',
  'google-chrome',
  'microsoft-edge-stable',
  'microsoft-edge',
  'chromium-browser',
];
const macApplications = ['Google Chrome', 'Chromium', 'Microsoft Edge'];
const windowsPrograms = [
  'Google\\Chrome\\Application\\chrome.exe',
  'Chromium\\Application\\chrome.exe',
  'Microsoft\\Edge\\Application\\msedge.exe',
];

/** @returns {string[]} */
const installedPlaces = () => {
  if (process.platform === 'darwin') {
    return ['/Applications', join(homedir(), 'Applications')].flatMap((folder) =>
      macApplications.map((name) => join(folder, `${name}.app`, 'Contents/MacOS', name)),
    );
  }
  if (process.platform === 'win32') {
    const { LOCALAPPDATA, PROGRAMFILES, 'PROGRAMFILES(X86)': x86 } = process.env;
    const folders = [PROGRAMFILES, x86, LOCALAPPDATA].filter((folder) => folder !== undefined);
    return folders.flatMap((folder) => windowsPrograms.map((program) => join(folder, program)));
  }
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/snap/bin'].filter(Boolean);
  return linuxNames.flatMap((name) => folders.map((folder) => join(folder, name)));
};

/** Where `playwright install` puts browsers: every revision there, the newest first. @returns {string[]} */
const playwrightPlaces = () => {
  const caches = { darwin: 'Library/Caches', win32: 'AppData/Local', linux: '.cache' };
  const folder =
    process.env.PLAYWRIGHT_BROWSERS_PATH ??
    join(homedir(), caches[/** @type {'linux'} */ (process.platform)] ?? '.cache', 'ms-playwright');
  if (!existsSync(folder)) return [];
  const revisions = readdirSync(folder).filter((name) => /^chromium-\d+$/.test(name));
  revisions.sort((a, b) => Number(b.split('-')[1]) - Number(a.split('-')[1]));
  return revisions.flatMap((revision) =>
    readdirSync(join(folder, revision)).flatMap((system) =>
      [
        'chrome',
        'chrome.exe',
        'Chromium.app/Contents/MacOS/Chromium',
        'Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
      ].map((program) => join(folder, revision, system, program)),
    ),
  );
};

/** True if it starts: a wrapper of a package that is not installed, or missing libraries, would fail here. */
const starts = (/** @type {string} */ path) => {
  if (!existsSync(path)) return false;
  if (process.platform === 'win32') return true; // there, `--version` opens a window
  try {
    execFileSync(path, ['--version'], { timeout: 20_000, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/**
 * The executable that CHROME_PATH names, else the first installed one that starts.
 * @returns {string | undefined}
 */
export const findChromium = () => {
  const chosen = process.env.CHROME_PATH;
  if (chosen !== undefined && chosen !== '') {
    if (existsSync(chosen)) return chosen;
    throw new Error(
      `CHROME_PATH names no file: ${chosen}. Correct it, or unset it to search the usual places.`,
    );
  }
  return [...installedPlaces(), ...playwrightPlaces()].find(starts);
};

/**
 * Runs a command that may download, and ends it when it is silent or slow for too long.
 * @param {string} command @param {string[]} args @param {Record<string, string>} env
 * @returns {Promise<string | undefined>} why it failed, or undefined
 */
const attempt = (command, args, env = {}) =>
  new Promise((resolve) => {
    console.log(`$ ${[command, ...args].join(' ')}`);
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const stop = (/** @type {string} */ why) => () => {
      child.kill('SIGKILL');
      resolve(why);
    };
    const whole = setTimeout(stop('it took longer than 6 minutes'), 360_000);
    let silent = setTimeout(stop('no sign of life for 60 s'), 60_000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        process.stdout.write(text);
        clearTimeout(silent);
        silent = setTimeout(stop('no sign of life for 60 s'), 60_000);
      });
    }
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(code === 0 ? undefined : `exit ${code}`));
    child.on('close', () => {
      clearTimeout(whole);
      clearTimeout(silent);
    });
  });

const isDebian = () =>
  existsSync('/etc/os-release') && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));

/**
 * Finds Chromium, or installs it first and says so.
 * @returns {Promise<string>} the path of the executable
 */
export const ensureChromium = async () => {
  const found = findChromium();
  if (found !== undefined) return found;

  console.log("No Chrome, Chromium or Edge found: installing Playwright's Chromium into the user's cache.");
  const playwright = dirname(createRequire(import.meta.url).resolve('playwright/package.json'));
  const install = [join(playwright, 'cli.js'), 'install', '--no-shell', 'chromium'];
  let failure = await attempt(process.execPath, install, { PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: '15000' });
  const downloaded = findChromium();
  if (downloaded !== undefined) return downloaded;
  failure ??= 'it was installed but does not start here (missing system libraries?)';

  if (isRoot && isDebian()) {
    console.log(`Playwright's Chromium: ${failure}. Installing Debian's chromium instead.`);
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    failure = await attempt('apt-get', ['update'], env);
    failure ??= await attempt('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], env);
    const packaged = findChromium();
    if (packaged !== undefined) return packaged;
    failure ??= "Debian's package does not start here";
  }
  throw new Error(
    `No Chromium could be found or installed (${failure}). Install Chrome, Chromium or Edge, or set CHROME_PATH.`,
  );
};
