/** `remuda evaluate …`: how good is a policy on what has happened, and how good could one be? */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { evaluateAffinityCommand } from './evaluate-affinity.ts';
import { evaluateKeepaliveCommand } from './evaluate-keepalive.ts';
import { evaluateScalingCommand } from './evaluate-scaling.ts';

export function evaluateCommand(context: CliContext): Command {
  return new Command('evaluate')
    .description('measure a policy on a recorded workload, beside the best that is possible')
    .addCommand(evaluateKeepaliveCommand(context))
    .addCommand(evaluateAffinityCommand(context))
    .addCommand(evaluateScalingCommand(context));
}
