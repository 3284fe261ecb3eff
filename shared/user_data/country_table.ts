/**
 * The countries of ISO 3166-1: alpha-2, alpha-3, then the English names by which people write them (ISO's, CLDR's and
 * common ones), each reduced to plain letters without a leading "the". Checked in, because names from `Intl` change
 * with the runtime and a digest must not.
 *
 * @module
 */

const ROWS = `
ad and andorra principalityofandorra
ae are unitedarabemirates uae emirates
af afg afghanistan islamicrepublicofafghanistan
ag atg antiguaandbarbuda antigua
ai aia anguilla
al alb albania republicofalbania
am arm armenia republicofarmenia
ao ago angola republicofangola
aq ata antarctica
ar arg argentina argentinerepublic
as asm americansamoa
at aut austria republicofaustria
au aus australia
aw abw aruba
ax ala alandislands
az aze azerbaijan republicofazerbaijan
ba bih bosniaandherzegovina republicofbosniaandherzegovina bosnia bosniaherzegovina
bb brb barbados
bd bgd bangladesh peoplesrepublicofbangladesh
be bel belgium kingdomofbelgium
bf bfa burkinafaso
bg bgr bulgaria republicofbulgaria
bh bhr bahrain kingdomofbahrain
bi bdi burundi republicofburundi
bj ben benin republicofbenin
bl blm saintbarthelemy stbarthelemy saintbarts stbarts
bm bmu bermuda
bn brn bruneidarussalam brunei
bo bol bolivia boliviaplurinationalstateof plurinationalstateofbolivia
bq bes bonairesinteustatiusandsaba sinteustatiusandsababonaire caribbeannetherlands bonaire
br bra brazil federativerepublicofbrazil
bs bhs bahamas commonwealthofthebahamas
bt btn bhutan kingdomofbhutan
bv bvt bouvetisland
bw bwa botswana republicofbotswana
by blr belarus republicofbelarus
bz blz belize
ca can canada
cc cck cocoskeelingislands cocosislands keelingislands
cd cod congothedemocraticrepublicofthe democraticrepublicofthecongo congokinshasa drcongo drc congodemocraticrepublicofthe
cf caf centralafricanrepublic
cg cog congo republicofthecongo congobrazzaville
ch che switzerland swissconfederation
ci civ cotedivoire republicofcotedivoire ivorycoast
ck cok cookislands
cl chl chile republicofchile
cm cmr cameroon republicofcameroon
cn chn china peoplesrepublicofchina prc mainlandchina
co col colombia republicofcolombia
cr cri costarica republicofcostarica
cu cub cuba republicofcuba
cv cpv caboverde republicofcaboverde capeverde
cw cuw curacao
cx cxr christmasisland
cy cyp cyprus republicofcyprus
cz cze czechia czechrepublic
de deu germany federalrepublicofgermany
dj dji djibouti republicofdjibouti
dk dnk denmark kingdomofdenmark
dm dma dominica commonwealthofdominica
do dom dominicanrepublic
dz dza algeria peoplesdemocraticrepublicofalgeria
ec ecu ecuador republicofecuador
ee est estonia republicofestonia
eg egy egypt arabrepublicofegypt
eh esh westernsahara
er eri eritrea stateoferitrea
es esp spain kingdomofspain
et eth ethiopia federaldemocraticrepublicofethiopia
fi fin finland republicoffinland
fj fji fiji republicoffiji
fk flk falklandislandsmalvinas falklandislandsislasmalvinas falklandislands
fm fsm micronesiafederatedstatesof federatedstatesofmicronesia micronesia
fo fro faroeislands
fr fra france frenchrepublic
ga gab gabon gaboneserepublic
gb gbr unitedkingdom unitedkingdomofgreatbritainandnorthernireland uk greatbritain britain england scotland wales northernireland
gd grd grenada
ge geo georgia
gf guf frenchguiana
gg ggy guernsey
gh gha ghana republicofghana
gi gib gibraltar
gl grl greenland
gm gmb gambia republicofthegambia
gn gin guinea republicofguinea
gp glp guadeloupe
gq gnq equatorialguinea republicofequatorialguinea
gr grc greece hellenicrepublic
gs sgs southgeorgiaandthesouthsandwichislands southgeorgiaandsouthsandwichislands southgeorgia
gt gtm guatemala republicofguatemala
gu gum guam
gw gnb guineabissau republicofguineabissau
gy guy guyana republicofguyana
hk hkg hongkong hongkongspecialadministrativeregionofchina hongkongsar hongkongchina hongkongsarchina hongkongspecialadministrativeregion
hm hmd heardislandandmcdonaldislands heardandmcdonaldislands
hn hnd honduras republicofhonduras
hr hrv croatia republicofcroatia
ht hti haiti republicofhaiti
hu hun hungary
id idn indonesia republicofindonesia
ie irl ireland republicofireland eire
il isr israel stateofisrael
im imn isleofman
in ind india republicofindia
io iot britishindianoceanterritory
iq irq iraq republicofiraq
ir irn iran iranislamicrepublicof islamicrepublicofiran
is isl iceland republicoficeland
it ita italy italianrepublic
je jey jersey
jm jam jamaica
jo jor jordan hashemitekingdomofjordan
jp jpn japan
ke ken kenya republicofkenya
kg kgz kyrgyzstan kyrgyzrepublic
kh khm cambodia kingdomofcambodia
ki kir kiribati republicofkiribati
km com comoros unionofthecomoros
kn kna saintkittsandnevis stkittsandnevis saintkitts stkitts
kp prk northkorea koreademocraticpeoplesrepublicof democraticpeoplesrepublicofkorea dprk koreanorth
kr kor southkorea korearepublicof republicofkorea koreasouth
kw kwt kuwait stateofkuwait
ky cym caymanislands
kz kaz kazakhstan republicofkazakhstan
la lao laos laopeoplesdemocraticrepublic
lb lbn lebanon lebaneserepublic
lc lca saintlucia stlucia
li lie liechtenstein principalityofliechtenstein
lk lka srilanka democraticsocialistrepublicofsrilanka ceylon
lr lbr liberia republicofliberia
ls lso lesotho kingdomoflesotho
lt ltu lithuania republicoflithuania
lu lux luxembourg grandduchyofluxembourg
lv lva latvia republicoflatvia
ly lby libya
ma mar morocco kingdomofmorocco
mc mco monaco principalityofmonaco
md mda moldova moldovarepublicof republicofmoldova
me mne montenegro
mf maf saintmartinfrenchpart stmartin stmartinfrenchpart
mg mdg madagascar republicofmadagascar
mh mhl marshallislands republicofthemarshallislands
mk mkd northmacedonia republicofnorthmacedonia macedonia fyrom macedoniatheformeryugoslavrepublicof
ml mli mali republicofmali
mm mmr myanmar republicofmyanmar myanmarburma burma
mn mng mongolia
mo mac macao macaospecialadministrativeregionofchina macau macausar macaochina macaosarchina
mp mnp northernmarianaislands commonwealthofthenorthernmarianaislands
mq mtq martinique
mr mrt mauritania islamicrepublicofmauritania
ms msr montserrat
mt mlt malta republicofmalta
mu mus mauritius republicofmauritius
mv mdv maldives republicofmaldives
mw mwi malawi republicofmalawi
mx mex mexico unitedmexicanstates
my mys malaysia
mz moz mozambique republicofmozambique
na nam namibia republicofnamibia
nc ncl newcaledonia
ne ner niger republicoftheniger
nf nfk norfolkisland
ng nga nigeria federalrepublicofnigeria
ni nic nicaragua republicofnicaragua
nl nld netherlands kingdomofthenetherlands holland
no nor norway kingdomofnorway
np npl nepal federaldemocraticrepublicofnepal
nr nru nauru republicofnauru
nu niu niue
nz nzl newzealand aotearoa
om omn oman sultanateofoman
pa pan panama republicofpanama
pe per peru republicofperu
pf pyf frenchpolynesia
pg png papuanewguinea independentstateofpapuanewguinea
ph phl philippines republicofthephilippines
pk pak pakistan islamicrepublicofpakistan
pl pol poland republicofpoland
pm spm saintpierreandmiquelon stpierreandmiquelon
pn pcn pitcairn pitcairnislands
pr pri puertorico
ps pse palestinestateof stateofpalestine palestine palestinianterritories
pt prt portugal portugueserepublic
pw plw palau republicofpalau
py pry paraguay republicofparaguay
qa qat qatar stateofqatar
re reu reunion
ro rou romania
rs srb serbia republicofserbia
ru rus russianfederation russia
rw rwa rwanda rwandeserepublic
sa sau saudiarabia kingdomofsaudiarabia ksa saudi
sb slb solomonislands
sc syc seychelles republicofseychelles
sd sdn sudan republicofthesudan
se swe sweden kingdomofsweden
sg sgp singapore republicofsingapore
sh shn sainthelenaascensionandtristandacunha ascensionandtristandacunhasainthelena sthelena sainthelena sthelenaascensionandtristandacunha
si svn slovenia republicofslovenia
sj sjm svalbardandjanmayen
sk svk slovakia slovakrepublic
sl sle sierraleone republicofsierraleone
sm smr sanmarino republicofsanmarino
sn sen senegal republicofsenegal
so som somalia federalrepublicofsomalia
sr sur suriname republicofsuriname
ss ssd southsudan republicofsouthsudan
st stp saotomeandprincipe democraticrepublicofsaotomeandprincipe saotome
sv slv elsalvador republicofelsalvador
sx sxm sintmaartendutchpart sintmaarten stmaarten sintmaartenductchpart
sy syr syria syrianarabrepublic
sz swz eswatini kingdomofeswatini swaziland
tc tca turksandcaicosislands
td tcd chad republicofchad
tf atf frenchsouthernterritories
tg tgo togo togoleserepublic
th tha thailand kingdomofthailand
tj tjk tajikistan republicoftajikistan
tk tkl tokelau
tl tls timorleste democraticrepublicoftimorleste easttimor
tm tkm turkmenistan
tn tun tunisia republicoftunisia
to ton tonga kingdomoftonga
tr tur turkiye republicofturkiye turkey
tt tto trinidadandtobago republicoftrinidadandtobago trinidad trinidadtobago
tv tuv tuvalu
tw twn taiwan taiwanprovinceofchina provinceofchinataiwan republicofchina
tz tza tanzania tanzaniaunitedrepublicof unitedrepublicoftanzania
ua ukr ukraine
ug uga uganda republicofuganda
um umi unitedstatesminoroutlyingislands usoutlyingislands
us usa unitedstates unitedstatesofamerica usa us america usofa
uy ury uruguay easternrepublicofuruguay
uz uzb uzbekistan republicofuzbekistan
va vat holyseevaticancitystate vaticancity vatican holysee vaticancitystate
vc vct saintvincentandthegrenadines stvincentandgrenadines stvincentandthegrenadines saintvincent stvincent
ve ven venezuela venezuelabolivarianrepublicof bolivarianrepublicofvenezuela
vg vgb virginislandsbritish britishvirginislands
vi vir virginislandsus usvirginislands virginislandsoftheunitedstates
vn vnm vietnam socialistrepublicofvietnam
vu vut vanuatu republicofvanuatu
wf wlf wallisandfutuna
ws wsm samoa independentstateofsamoa westernsamoa
ye yem yemen republicofyemen
yt myt mayotte
za zaf southafrica republicofsouthafrica
zm zmb zambia republicofzambia
zw zwe zimbabwe republicofzimbabwe
`;

/** Alpha-2 code by alpha-2 code, alpha-3 code or reduced English name; all keys and values in lower case. */
export const COUNTRY_BY_CODE_OR_NAME: ReadonlyMap<string, string> = readRows();

/** Every alpha-2 code, in lower case. */
export const COUNTRY_CODES: readonly string[] = [...new Set(COUNTRY_BY_CODE_OR_NAME.values())];

function readRows(): Map<string, string> {
  const countries = new Map<string, string>();
  for (const row of ROWS.trim().split("\n")) {
    const [alpha2, ...others] = row.split(" ");
    if (alpha2 === undefined) continue;
    countries.set(alpha2, alpha2);
    for (const other of others) countries.set(other, alpha2);
  }
  return countries;
}
