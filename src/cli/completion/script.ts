import type { Command } from 'commander';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { completionTree } from './tree.ts';
import { zshScript } from './zsh.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export async function completionScript(
  program: Command,
  shell: keyof typeof SCRIPTS,
): Promise<string> {
  return SCRIPTS[shell](await completionTree(program));
}
