import { Argument, Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withExample } from '../options.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function completionCommand({ out }: CliContext): Command {
  const command = new Command('completion')
    .description('print the completions for a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS));
  withExample(
    command,
    'source <(remuda completion bash)',
    'remuda completion zsh > ~/.zsh/completions/_remuda',
    'remuda completion fish > ~/.config/fish/completions/remuda.fish',
  );
  return command.action(async (shell: Shell) => {
    const { completionScript } = await import('../completion/script.ts');
    await out.write(await completionScript(command.parent!, shell));
  });
}
