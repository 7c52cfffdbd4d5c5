export const HELP = `The reference agent of Remuda: does small pieces of work over HTTP and reports its load to the pool.

usage: node dist/agent/main.js --agent-id ID --port N [flags]

  --agent-id ID         REMUDA_AGENT_ID        what the pool knows it by
  --port N              REMUDA_PORT            where it listens on 127.0.0.1; 0 = any that is free
  --specialization NAME REMUDA_SPECIALIZATION  its kind (general)
  --url URL             REMUDA_URL             the pool (http://127.0.0.1:8766)
  --slots N                                    tasks at once (1)
  --heartbeat-sec N                            between two heartbeats (5)
  --search-root DIR                            what "search" looks through (the current directory)
  --help

Variables without a flag:
  REMUDA_API_KEY   the key of the pool, where it asks for one
  OPENAI_BASE_URL  a chat API, such as http://127.0.0.1:11434/v1; without it, "chat" uses no model
  OPENAI_MODEL     the model to ask there
  OPENAI_API_KEY   its key, where it asks for one
`;
