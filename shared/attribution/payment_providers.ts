/**
 * Pages on which shoppers pay. Who comes back from one of them did not click an ad: without this list the sale would be
 * credited to its own payment page. More domains belong into `fb_ads.settings.payment_hosts`.
 *
 * @module
 */

/** Domains of payment pages, with all hosts below them. */
const PAYMENT_HOSTS: readonly string[] = [
  "xendit.co",
  "midtrans.com",
  "veritrans.co.id",
  "doku.com",
  "dokupay.com",
  "duitku.com",
  "ipaymu.com",
  "tripay.co.id",
  "faspay.co.id",
  "finpay.id",
  "espay.id",
  "nicepay.co.id",
  "gopay.co.id",
  "gojek.com",
  "ovo.id",
  "dana.id",
  "linkaja.id",
  "shopeepay.co.id",
  "airpay.co.id",
  "kredivo.com",
  "akulaku.com",
  "klikbca.com",
  "bca.co.id",
  "bankmandiri.co.id",
  "bni.co.id",
  "bri.co.id",
  "paymongo.com",
  "dragonpay.ph",
  "maya.ph",
  "paymaya.com",
  "gcash.com",
  "mynt.xyz",
  "grab.com",
  "coins.ph",
  "billease.ph",
  "2c2p.com",
  "adyen.com",
  "checkout.com",
  "cardinalcommerce.com",
  "paypal.com",
  "stripe.com",
  "stripe.network",
  "payssion.com",
  "durianpay.id",
  "oyindonesia.com",
  "flip.id",
  "hitpayapp.com",
  "hit-pay.com",
  "klarna.com",
  "razorpay.com",
  "atome.sg",
  "wise.com",
];

/** Tells whether a host belongs to a payment provider. */
export function isPaymentHost(host: string): boolean {
  const name = host.toLowerCase();
  return PAYMENT_HOSTS.some((known) => name === known || name.endsWith(`.${known}`));
}
