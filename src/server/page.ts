/** The page at `/`: name, version, live figures. Self-contained: no file, no other host. */

/** `script` and `style` are inline, so the policy names them by what this page alone may do. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

export function homePage(version: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Remuda</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
h1 small { font-size: 1rem; font-weight: normal; opacity: .75; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 1rem; }
dl div { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem; padding: .75rem 1rem; }
dt { opacity: .75; } dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<h1>Remuda <small>${version}</small></h1>
<p id="state" role="status">Loading …</p>
<dl>
<div><dt>Agents</dt><dd id="agents">–</dd></div>
<div><dt>Available</dt><dd id="available">–</dd></div>
<div><dt>Leases</dt><dd id="leases">–</dd></div>
<div><dt>Waiting</dt><dd id="waiting">–</dd></div>
<div><dt>Utilization</dt><dd id="utilization">–</dd></div>
<div><dt>Warm hits</dt><dd id="warm">–</dd></div>
<div><dt>Tenants</dt><dd id="tenants">–</dd></div>
<div><dt>Granted</dt><dd id="granted">–</dd></div>
</dl>
<p><a href="docs">API documentation</a> · <a href="openapi.json">openapi.json</a> · <a href="metrics">Metrics</a> · <a href="v1/alerts">Alerts</a></p>
<script>
const show = (id, value) => { document.getElementById(id).textContent = value; };
const percent = (ratio) => Math.round(ratio * 100) + ' %';
async function refresh() {
  try {
    const response = await fetch('v1/stats');
    const stats = await response.json();
    if (!response.ok) throw new Error(stats.detail);
    show('agents', stats.agents.total);
    show('available', stats.agents.by_phase.available);
    show('leases', stats.leases.total);
    show('waiting', stats.queue.length);
    show('utilization', percent(stats.utilization));
    show('warm', percent(stats.warm_hit_ratio));
    show('tenants', stats.tenants);
    show('granted', stats.counters.granted);
    show('state', 'Running for ' + Math.round(stats.uptime_sec) + ' s.');
  } catch (error) {
    show('state', 'No figures: ' + error.message);
  }
  setTimeout(refresh, 2000);
}
refresh();
</script>
</body>
</html>
`;
}
