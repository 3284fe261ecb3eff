/**
 * What stands in the state field of an American address: the states, the District of Columbia, the territories, the
 * freely associated states and the armed forces' regions, two-letter code first, then names reduced to plain letters.
 * Source: ANSI INCITS 38 and USPS Publication 28, appendix B.
 *
 * @module
 */

const ROWS = `
al alabama
ak alaska
az arizona
ar arkansas
ca california
co colorado
ct connecticut
de delaware
dc districtofcolumbia washingtondc washingtondistrictofcolumbia
fl florida
ga georgia
hi hawaii
id idaho
il illinois
in indiana
ia iowa
ks kansas
ky kentucky
la louisiana
me maine
md maryland
ma massachusetts
mi michigan
mn minnesota
ms mississippi
mo missouri
mt montana
ne nebraska
nv nevada
nh newhampshire
nj newjersey
nm newmexico
ny newyork newyorkstate
nc northcarolina
nd northdakota
oh ohio
ok oklahoma
or oregon
pa pennsylvania
ri rhodeisland rhodeislandandprovidenceplantations
sc southcarolina
sd southdakota
tn tennessee
tx texas
ut utah
vt vermont
va virginia
wa washington washingtonstate
wv westvirginia
wi wisconsin
wy wyoming
as americansamoa
gu guam
mp northernmarianaislands commonwealthofthenorthernmarianaislands
pr puertorico
vi virginislands usvirginislands unitedstatesvirginislands virginislandsus
fm federatedstatesofmicronesia micronesia
mh marshallislands
pw palau
aa armedforcesamericas
ae armedforceseurope
ap armedforcespacific
`;

/** Two-letter code by code or reduced name, all in lower case. */
export const US_STATE_BY_CODE_OR_NAME: ReadonlyMap<string, string> = readRows();

function readRows(): Map<string, string> {
  const states = new Map<string, string>();
  for (const row of ROWS.trim().split("\n")) {
    const [code, ...names] = row.split(" ");
    if (code === undefined) continue;
    for (const key of [code, ...names]) states.set(key, code);
  }
  return states;
}
