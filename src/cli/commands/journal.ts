/** `remuda journal …`: looking at what is stored, beside a running server or without one. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { journalExportCommand } from './journal-export.ts';
import { journalVerifyCommand } from './journal-verify.ts';

export function journalCommand(context: CliContext): Command {
  return new Command('journal')
    .description('check a journal, or read it')
    .addCommand(journalVerifyCommand(context))
    .addCommand(journalExportCommand(context));
}
