/**
 * The other side of a comparison: Meta's own SDK, normalising and hashing the same events, and nothing else. Run as a
 * process of its own, so that neither side warms the other up. Events come on stdin; the best of several runs goes to
 * stdout, in milliseconds.
 *
 * @module
 */

import sdk from "facebook-nodejs-business-sdk";

const { CustomData, ServerEvent, UserData } = sdk;
const events = JSON.parse(await new Response(Deno.stdin.readable).text());

function normalise({ event_name, event_time, event_id, event_source_url, user_data, custom_data }) {
  const person = new UserData(
    user_data.em,
    user_data.ph,
    undefined,
    undefined,
    user_data.ln,
    user_data.fn,
    user_data.ct,
    user_data.st,
  )
    .setZip(user_data.zp).setCountry(user_data.country).setExternalId(user_data.external_id)
    .setClientIpAddress(user_data.client_ip_address).setClientUserAgent(user_data.client_user_agent).setFbp(
      user_data.fbp,
    );
  const sold = new CustomData(custom_data.value, custom_data.currency).setOrderId(custom_data.order_id);
  return new ServerEvent(event_name, event_time, event_source_url, person, sold, event_id).setActionSource("website")
    .normalize();
}

let best = Infinity;
for (let run = 0; run < 100; run += 1) {
  const started = performance.now();
  for (const event of events) normalise(event);
  best = Math.min(best, performance.now() - started);
}
console.log(best);
