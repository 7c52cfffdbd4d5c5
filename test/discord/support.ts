import { once } from 'node:events';
import { Client, type ClientOptions, Events, GatewayIntentBits } from 'discord.js';
import { afterEach } from 'vitest';
import { DiscordStandIn, type StandInOptions } from './stand-in/discord-stand-in.ts';
import type { GuildSpec } from './stand-in/world.ts';

const clients = new Set<Client>();
const standIns = new Set<DiscordStandIn>();

/** Registers the end of everything that a test has started; call it once in a test file. */
export function endEverythingAfterEach(): void {
  afterEach(async () => {
    await Promise.all([...clients].map((client) => client.destroy()));
    clients.clear();
    await Promise.all([...standIns].map((standIn) => standIn.stop()));
    standIns.clear();
  });
}

/** A stand-in that ends with the test. */
export async function startStandIn(options?: StandInOptions): Promise<DiscordStandIn> {
  const standIn = await DiscordStandIn.start(options);
  standIns.add(standIn);
  return standIn;
}

/** An unmodified client of discord.js that talks to the stand-in; it ends with the test. */
export function makeClient(standIn: DiscordStandIn, options: Partial<ClientOptions> = {}): Client {
  const client = new Client({
    intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
    ...options,
    rest: { api: standIn.apiUrl, ...options.rest },
  });
  clients.add(client);
  return client;
}

/** A client that has logged in and knows its guilds. */
export async function login(
  standIn: DiscordStandIn,
  token: string,
  options?: Partial<ClientOptions>,
): Promise<Client<true>> {
  const client = makeClient(standIn, options);
  const ready = once(client, Events.ClientReady);
  await client.login(token);
  await ready;
  return client as Client<true>;
}

/** Identifies without waiting, where the stand-in's own clock or spacing says when it may. */
export const UNTHROTTLED: Partial<ClientOptions> = {
  ws: { buildIdentifyThrottler: async () => ({ waitForIdentify: async () => {} }) },
};

/** Ids of a guild and its channels, made from a number. */
export function guildSpec(number: number): GuildSpec & { text: string; voice: string } {
  const id = String(1_000_000 + number * 100);
  const text = String(Number(id) + 1);
  const voice = String(Number(id) + 2);
  return {
    id,
    name: `guild ${number}`,
    text,
    voice,
    channels: [
      { id: text, name: 'chat', type: 'text' },
      { id: voice, name: 'stage', type: 'voice' },
    ],
  };
}
