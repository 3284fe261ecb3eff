/**
 * A small web shop for trying the browser client: landing, consent, lead, checkout, a payment page of another site that
 * redirects back, and the order paid in the database by the provider's callback. `npm start` serves it on loopback.
 *
 * The shop is at `http://localhost:<port>`, which must be among `FB_ADS_ALLOWED_ORIGINS`; the payment page is at
 * `http://127.0.0.1:<port>`, another site to a browser.
 *
 * @module
 */

import { bundleBrowserClient } from "../../../cli/browser/bundle.ts";
import type { Platform } from "../../../supabase-local/mod.ts";
import { buildReportPage } from "../../../cli/report/page.ts";
import { daysBefore, findToday, readReport } from "../../../cli/report/queries.ts";
import { type Buyer, openOrders, type Orders, PRODUCTS } from "./orders.ts";
import { fillPage, readPage } from "./page_files.ts";

/** How the shop is started. */
export interface ShopOptions {
  /** The platform whose functions the shop tells. */
  platform: Platform;
  /** The port whose origin (`shopOrigin(port)`) the platform's functions allow. */
  port: number;
}

/** A running shop. */
export interface Shop {
  /** Where it is. */
  url: string;
  /** Ends it. */
  close(): Promise<void>;
}

/** The origin of a shop on a port, for `FB_ADS_ALLOWED_ORIGINS`. */
export function shopOrigin(port: number): string {
  return `http://localhost:${port}`;
}

/** Serves the shop. */
export function startShop({ platform, port }: ShopOptions): Shop {
  const orders = openOrders(platform);
  const { script } = bundleBrowserClient();
  const config = `export default ${
    JSON.stringify({ url: platform.apiUrl, publishableKey: platform.publishableKey, products: PRODUCTS })
  };`;
  const scripts: Record<string, string> = { "/meta-ads.js": script, "/config.js": config };
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, async (request) => {
    const url = new URL(request.url);
    const code = scripts[url.pathname];
    if (code !== undefined) return answer(code, "text/javascript");
    if (url.pathname === "/report") return answer(await makeReport(platform), "text/html");
    return await route(request, url, orders, port);
  });
  return {
    url: shopOrigin(port),
    async close() {
      await server.shutdown();
      await orders.close();
    },
  };
}

/** The report of the last 28 days, as `npm run report` writes it. */
async function makeReport({ sql }: Platform): Promise<string> {
  const until = await findToday(sql);
  return buildReportPage(await readReport(sql, { since: daysBefore(until, 27), until }, new Date()));
}

async function route(request: Request, url: URL, orders: Orders, port: number): Promise<Response> {
  const path = `${request.method} ${url.pathname.replace(/(?<=^\/pay\/).+/, ":id")}`;
  switch (path) {
    case "GET /":
    case "GET /checkout":
    case "GET /thanks":
    case "GET /feed":
    case "GET /style.css":
    case "GET /shop.js": {
      const { text, type } = readPage(url.pathname);
      return answer(text, type);
    }
    case "GET /ads.json":
      return Response.json(await orders.listAds());
    case "POST /orders":
      return await placeOrder(request, orders, port);
    case "GET /pay/:id":
      return await showPayment(url, orders);
    case "POST /pay/:id":
      return await takePayment(url, orders, port);
    default:
      return answer("There is nothing here.", "text/plain", 404);
  }
}

async function placeOrder(request: Request, orders: Orders, port: number): Promise<Response> {
  const form = await request.formData();
  const field = (name: keyof Buyer | "product") => `${form.get(name) ?? ""}`.trim().slice(0, 200);
  const product = PRODUCTS.find(({ id }) => id === field("product"));
  if (product === undefined || field("email") === "") return answer("Which product, and for whom?", "text/plain", 400);
  const order_id = await orders.place(product, {
    email: field("email"),
    phone: field("phone"),
    first_name: field("first_name"),
    last_name: field("last_name"),
  });
  return Response.json({ order_id, pay_url: `http://127.0.0.1:${port}/pay/${order_id}` });
}

async function showPayment(url: URL, orders: Orders): Promise<Response> {
  const order = await orders.find(url.pathname.slice("/pay/".length));
  if (order === null) return answer("There is no such order.", "text/plain", 404);
  const { text, type } = readPage("/pay");
  return answer(fillPage(text, { amount: Number(order.amount).toLocaleString("en") }), type);
}

/** The provider calls the shop back (here: writes as the shop's role), then sends the shopper home. */
async function takePayment(url: URL, orders: Orders, port: number): Promise<Response> {
  const order_id = url.pathname.slice("/pay/".length);
  await orders.pay(order_id);
  return new Response(null, { status: 303, headers: { location: `${shopOrigin(port)}/thanks?order=${order_id}` } });
}

function answer(text: string, type: string, status = 200): Response {
  return new Response(text, {
    status,
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}
