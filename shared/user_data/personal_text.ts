/**
 * Keeps personal data out of the fields that go to Meta and into our tables in clear: page addresses and custom data.
 * Shops put e-mail addresses, phone numbers and tokens into query strings; Meta forbids sending them.
 *
 * @module
 */

/** Every repetition has a bound: a text of a megabyte must not cost more than its length. */
const DOMAIN = "(?:@|%40)(?:[^\\s@/?&=#.]{1,63}\\.){1,8}[a-z\\u0080-\\uffff]{2,63}";
const EMAIL = new RegExp(`[^\\s@/?&=#]${DOMAIN}`, "i");
const EMAILS = new RegExp(`[^\\s@/?&=#]{1,64}${DOMAIN}`, "gi");
/** A number written as one dials it abroad, or as Indonesian and Philippine numbers begin. Ad ids are longer. */
const PHONE = /^(?:[+ ][\d\s().-]{9,18}|(?:0|62|63)[\d\s().-]{8,14})$/;
const TOKEN = /^eyJ[\w-]+\.[\w-]+|^EAA[\w-]{20,}/;
const PERSONAL_NAMES = new Set(
  `
email e_mail mail useremail emailaddress em phone phonenumber mobile mobilenumber tel telephone whatsapp wa ph hp
msisdn firstname lastname fullname givenname familyname surname name fname lname fn ln username dob birthday birthdate
dateofbirth address street streetaddress password passwd pwd token accesstoken idtoken refreshtoken apikey secret jwt
otp sessionid ssn nik ktp contactnumber
`.trim().split(/\s+/),
);

/**
 * Addresses of plain host names in printable ASCII: no parser refuses one. Names with `xn--` or digits at the end are
 * not.
 */
const PLAIN_URL = /^https?:\/\/(?:[a-z0-9]{1,63}(?:-[a-z0-9]{1,63})*\.){1,8}[a-z]{2,63}(?:[/?#][\x21-\x7e]*)?$/;

const PERSONAL_ENDINGS = /(?:email|emailaddress|phone|phonenumber|firstname|lastname|fullname|password|token)$/;
/** `customer_name`, `shipping_address`; a `content_name` is nobody's. */
const PERSONS_OWN =
  /(?:customer|client|buyer|payer|user|member|guest|student|contact|recipient|receiver|shipping|billing|cardholder)(?:name|address|mobile|whatsapp)$/;

/** Tells whether a text contains an e-mail address. */
export function containsEmail(text: string): boolean {
  return (text.includes("@") || text.includes("%40")) && EMAIL.test(text);
}

/** Tells whether a field or query parameter is named like personal data or a credential (`email`, `billing_phone`). */
export function isPersonalName(name: string): boolean {
  const letters = name.toLowerCase().replace(/[^a-z]/g, "");
  return PERSONAL_NAMES.has(letters) || PERSONAL_ENDINGS.test(letters) || PERSONS_OWN.test(letters);
}

/** A page's address and whether something was taken out of it. */
export interface CleanUrl {
  /** The address without personal data. */
  readonly url: string;
  /** Whether anything was taken out. */
  readonly cleaned: boolean;
}

/**
 * Takes personal data out of a page's address: user and password, and query parameters, path segments and fragments
 * that are named or look like it. What stays is untouched, byte for byte. Undefined when it is no http(s) address.
 */
export function cleanUrl(text: string): CleanUrl | undefined {
  if (!PLAIN_URL.test(text) && !isHttpUrl(text)) return undefined;
  // A path alone holds nothing but an address, if anything.
  if (!/[@?#%]/.test(text)) return { url: text, cleaned: false };
  const start = text.indexOf("?") + 1;
  // Most queries hold nothing personal either; then there is nothing to put together again.
  if (!/[@#]|%40/.test(text) && !text.slice(start).split("&").some(isPersonalParameter)) {
    return { url: text, cleaned: false };
  }
  const [, scheme = "", authority = "", path = "", query, fragment] =
    /^(https?:\/\/)([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is.exec(text) ?? [];
  const kept = query?.split("&").filter((parameter) => !isPersonalParameter(parameter)).join("&");
  const keptFragment = fragment !== undefined && fragment.split(/[&?]/).some(isPersonalParameter) ? "" : fragment;
  const url = scheme + authority.slice(authority.lastIndexOf("@") + 1) + withoutEmails(path) +
    (kept === undefined || (kept === "" && query !== "") ? "" : `?${kept}`) +
    (keptFragment === undefined || (keptFragment === "" && fragment !== "") ? "" : `#${keptFragment}`);
  return { url, cleaned: url !== text };
}

function withoutEmails(path: string): string {
  return path.includes("@") || path.includes("%40") ? path.replace(EMAILS, "-") : path;
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\/[^/?#\s]/i.test(text) && !/[\s\p{Cc}]/u.test(text) && URL.canParse(text);
}

function isPersonalParameter(parameter: string): boolean {
  const equals = parameter.indexOf("=");
  const name = decode(equals < 0 ? "" : parameter.slice(0, equals));
  const value = decode(parameter.slice(equals + 1));
  return isPersonalName(name) || containsEmail(value) || PHONE.test(value.trimEnd()) || TOKEN.test(value);
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch (error) {
    if (error instanceof URIError) return spaced;
    throw error;
  }
}
