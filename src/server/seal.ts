/**
 * Credentials of agents, sealed before they reach the pool: AES-256-GCM, bound to the agent's id.
 * The nonce is derived from what is sealed (as in AES-SIV), so the same credential of the same
 * agent always seals to the same text and a repeated registration is recognised as unchanged. An
 * onlooker of the journal learns only whether two sealings of one agent are equal.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, scryptSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PREFIX = 'v1.';
const PASSPHRASE_MIN = 32;
/** Public on purpose: every process must come to the same key. The passphrase carries the secret. */
const SALT = 'remuda/credentials/v1';
const SCRYPT = { N: 1 << 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

export interface Sealer {
  seal(agentId: string, credential: string): string;
  /** Throws for a text that was not sealed for this agent with this key. */
  open(agentId: string, sealed: string): string;
}

export type SealerResult =
  | { readonly ok: true; readonly sealer: Sealer | null }
  | { readonly ok: false; readonly message: string };

type SealerFromEnvironment =
  | { readonly ok: true; readonly sealer: Sealer | null }
  | { readonly ok: false; readonly source: string; readonly message: string };

/** From the value of `REMUDA_KEY`: 32 bytes as hex or base64, or a passphrase. None: no sealer. */
export function sealerFrom(text: string | undefined): SealerResult {
  if (text === undefined || text === '') return { ok: true, sealer: null };
  const key = keyFrom(text);
  if (key !== null) return { ok: true, sealer: sealerWith(key) };
  const message = `must be 32 bytes as hex or base64, or a passphrase of at least ${PASSPHRASE_MIN} characters`;
  return { ok: false, message };
}

/** From `REMUDA_KEY`, or from the file that `REMUDA_KEY_FILE` names. */
export function sealerFromEnvironment(env: {
  readonly [name: string]: string | undefined;
}): SealerFromEnvironment {
  const { REMUDA_KEY: key = '', REMUDA_KEY_FILE: file = '' } = env;
  const fault = (source: string, message: string) => ({ ok: false, source, message }) as const;
  if (file === '') {
    const result = sealerFrom(key);
    return result.ok ? result : fault('REMUDA_KEY', result.message);
  }
  if (key !== '') return fault('REMUDA_KEY_FILE', 'is set beside REMUDA_KEY; keep one of the two');
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    return fault('REMUDA_KEY_FILE', `cannot be read: ${(error as Error).message}`);
  }
  if (text === '') return fault('REMUDA_KEY_FILE', `${file} is empty`);
  const result = sealerFrom(text);
  return result.ok ? result : fault('REMUDA_KEY_FILE', `${file} ${result.message}`);
}

function keyFrom(text: string): Buffer | null {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64');
  return text.length >= PASSPHRASE_MIN ? scryptSync(text, SALT, KEY_BYTES, SCRYPT) : null;
}

function sealerWith(master: Buffer): Sealer {
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', master, SALT, use, KEY_BYTES));
  const cipherKey = derive('cipher');
  const nonceKey = derive('nonce');
  return {
    seal(agentId, credential) {
      const nonce = createHmac('sha256', nonceKey)
        .update(`${Buffer.byteLength(agentId)}:${agentId}:${credential}`)
        .digest()
        .subarray(0, NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', cipherKey, nonce).setAAD(Buffer.from(agentId));
      const bytes = [nonce, cipher.update(credential, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return PREFIX + Buffer.concat(bytes).toString('base64url');
    },
    open(agentId, sealed) {
      if (!sealed.startsWith(PREFIX))
        throw new Error('the credential was sealed by another version');
      const bytes = Buffer.from(sealed.slice(PREFIX.length), 'base64url');
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', cipherKey, nonce)
        .setAAD(Buffer.from(agentId))
        .setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    },
  };
}
