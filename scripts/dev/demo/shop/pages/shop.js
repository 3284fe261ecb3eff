// The shop's pages. What a web app writes to use the browser client is `ads` below and its `track` calls.

import config from "/config.js";
import { createMetaAds, purchaseEventId } from "/meta-ads.js";

const CHOICE = "shop_consent";
const page = document.documentElement.dataset.page;
const byId = (id) => document.getElementById(id);
const rupiah = (price) => `Rp ${price.toLocaleString("en")}`;

/** The visitor's choice, as the shop keeps it; null where nothing was chosen or storage is blocked. */
function readChoice() {
  try {
    return localStorage.getItem(CHOICE);
  } catch {
    return null;
  }
}

function keepChoice(choice) {
  try {
    localStorage.setItem(CHOICE, choice);
  } catch {
    // Asked again on the next page.
  }
}

const choice = readChoice();
const ads = createMetaAds({
  url: config.url,
  publishableKey: config.publishableKey,
  ...(choice === null ? {} : { consent: choice }),
});

function track(event_name, details) {
  const event_id = ads.track(event_name, details);
  const line = document.createElement("li");
  line.textContent = `${event_name} ${event_id}`;
  byId("told").append(line);
  return event_id;
}

function choose(consent) {
  keepChoice(consent);
  ads.setConsent(consent);
  byId("consent").hidden = true;
}

byId("accept").addEventListener("click", () => choose("granted"));
byId("decline").addEventListener("click", () => choose("denied"));
byId("settings").addEventListener("click", () => byId("consent").hidden = false);
byId("consent").hidden = choice !== null;
track("PageView");

if (page === "landing") {
  for (const product of config.products) {
    const item = document.createElement("li");
    const name = document.createElement("h2");
    const text = document.createElement("p");
    const price = document.createElement("p");
    const buy = document.createElement("a");
    name.textContent = product.name;
    text.textContent = product.text;
    price.textContent = rupiah(product.price);
    price.className = "price";
    buy.textContent = "Buy";
    buy.setAttribute("aria-label", `Buy ${product.name}`);
    buy.className = "button";
    buy.href = `/checkout?product=${product.id}`;
    item.append(name, text, price, buy);
    byId("products").append(item);
  }
  byId("lead").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    track("Lead", { custom_data: { content_name: "templates" }, user_data: { em: form.get("email"), country: "ID" } });
    byId("lead-done").textContent = "They are on their way.";
  });
}

if (page === "checkout") {
  const wanted = new URLSearchParams(location.search).get("product");
  const product = config.products.find(({ id }) => id === wanted) ?? config.products[0];
  byId("summary").textContent = `${product.name}, ${rupiah(product.price)}`;
  byId("order").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    form.set("product", product.id);
    const response = await fetch("/orders", { method: "POST", body: form });
    const { order_id, pay_url } = await response.json();
    track("InitiateCheckout", {
      custom_data: {
        order_id,
        value: product.price,
        currency: "IDR",
        content_ids: [product.id],
        content_type: "product",
        num_items: 1,
      },
      user_data: {
        em: form.get("email"),
        ph: form.get("phone"),
        fn: form.get("first_name"),
        ln: form.get("last_name"),
        country: "ID",
      },
    });
    location.href = pay_url;
  });
}

if (page === "thanks") {
  const order_id = new URLSearchParams(location.search).get("order") ?? "";
  byId("purchase-id").textContent = purchaseEventId(order_id);
}

if (page === "feed") {
  const response = await fetch("/ads.json");
  for (const ad of await response.json()) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    const campaign = document.createElement("div");
    link.textContent = ad.ad;
    link.href = `/?${ad.query}`;
    campaign.textContent = ad.campaign;
    item.append(link, campaign);
    byId("ads").append(item);
  }
}
