import { mkdtemp, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { payloadOf } from './exercise-journal.ts';

export const makeTemporary = (): Promise<string> => mkdtemp(join(tmpdir(), 'remuda-journal-'));

/** Changes one bit of a byte in place. */
export async function flipByte(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const { bytesRead } = await file.read(byte, 0, 1, offset);
    if (bytesRead !== 1) throw new Error(`${path} has no byte ${offset}`);
    byte[0]! ^= 0x10;
    await file.write(byte, 0, 1, offset);
  } finally {
    await file.close();
  }
}

/** Where a batch's payload of the suite's default length begins in a file; -1 if nowhere. */
export async function findPayload(path: string, first: number, length = 40): Promise<number> {
  return (await readFile(path)).indexOf(payloadOf(first, length));
}

export async function damageBatch(directory: string, first: number): Promise<void> {
  const path = join(directory, 'journal.db');
  await flipByte(path, await findPayload(path, first));
}
