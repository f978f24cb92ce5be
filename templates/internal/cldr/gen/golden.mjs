// Prints what Node's Intl writes for every locale, as the golden output of package cldr's tests:
//
//   node gen/golden.mjs | gzip -9n > testdata/intl.json.gz
//
// Tests do not need Node. Its ICU carries a CLDR of its own; the versions stand in the output.
const locales = ('am ar ar-EG az be bg bn bs ca ckb cs da de el en en-GB es es-MX et fa fi fr fr-CA ha he hi hr hu hy id it ja ka km ' +
  'ko ku lt mk ml ms my ne nl pl ps pt-BR pt-PT ro ru rw si so sq sr sv sw ta th ti tr uk ur uz vi yo zh-Hans zh-Hant').split(' ')

const counts = [...Array(131).keys(), 200, 201, 1000, 1001, 1002, 1100, 10000, 11000, 100000, 1000000, 1000001, 1100000, 2000000, 12345678]
const fractions = ['0.0', '0.1', '0.2', '0.5', '1.0', '1.1', '1.2', '1.5', '1.9', '2.0', '2.1', '2.5', '3.0', '5.0', '10.0', '10.1', '11.0', '11.5', '20.0', '21.1', '100.0',
  '0.00', '0.01', '0.10', '0.11', '0.21', '1.00', '1.01', '1.10', '1.21', '2.00', '2.10', '2.12', '5.04', '11.11', '12.12', '100.01', '0.000', '1.000', '1.001', '1000.0', '1000000.0', '1000000.00']
const numbers = [0, 1, -1, 5, 12, 99, 999, 1000, 1234, -1234, 9999, 10000, 99999, 123456, 1234567, 12345678, 1234567890, 0.5, 0.25, -0.75, 3.14, 1234.5, 12345.678, 1234567.891, 0.001]
const compacts = [0, 1, 12, 0.5, 0.123, 1.25, 9.9, 15.6, 99.9, 100, 999, 1000, 1100, 1500, -1500, 2000, 9999, 10000, 12345, 99999, 123456, 999499, 999999, 1000000, 1500000, 2000000, 5000000, 12345678,
  100000000, 1000000000, 2500000000, 10000000000, 1000000000000, 12000000000000, 999999999999999]
const distances = [-1000, -21, -11, -5, -3, -2, -1, 0, 1, 2, 3, 4, 5, 11, 21, 100, 1000, 1000000, 1.5, -0.5]
const units = ['second', 'minute', 'hour', 'day', 'week', 'month', 'year']
const styles = ['short', 'medium', 'long', 'full']
const instants = ['2026-01-01T00:00:00Z', '2026-02-03T05:06:07Z', '2026-03-20T11:59:59Z', '2026-03-21T12:00:00Z', '2026-04-05T12:30:00Z', '2026-05-12T13:05:09Z', '2026-06-20T18:45:00Z', '2026-07-22T19:00:00Z',
  '2026-08-23T23:07:00Z', '2026-09-24T08:09:10Z', '2026-10-25T06:00:00Z', '2026-11-06T07:30:00Z', '2024-02-29T04:59:00Z', '2025-03-20T10:00:00Z', '2030-12-31T21:59:59Z']
const zones = ['UTC', 'Europe/Berlin', 'Europe/London', 'Europe/Dublin', 'Europe/Kyiv', 'America/New_York', 'America/Sao_Paulo', 'America/St_Johns', 'America/Mexico_City', 'Asia/Kolkata', 'Asia/Kathmandu', 'Asia/Tehran',
  'Asia/Kabul', 'Asia/Yangon', 'Asia/Bangkok', 'Africa/Nairobi', 'Africa/Casablanca', 'Australia/Lord_Howe', 'Pacific/Auckland', 'Asia/Gaza', 'Africa/Windhoek', 'Etc/GMT+5']
const lists = [['A'], ['A', 'B'], ['A', 'B', 'C'], ['A', 'B', 'C', 'D'], ['Ana', 'Irene'], ['A', 'B', 'hijos'], ['A', 'hielo'], ['A', 'ocho'], ['A', 'B', '8 x'], ['א', 'ב'], ['א', 'ב', 'ג']]

const out = { node: process.versions.node, icu: process.versions.icu, cldr: process.versions.cldr, tz: process.versions.tz, counts, fractions, numbers, compacts, distances, instants, zones, lists, order: locales, locales: {} }

// formats gives everything that depends on digits and calendar.
function formats(locale) {
  const number = options => { const f = new Intl.NumberFormat(locale, options); return n => f.format(n) }
  const o = {
    numbers: numbers.map(number({})),
    integers: numbers.map(number({ maximumFractionDigits: 0 })),
    percents: numbers.map(number({ style: 'percent' })),
    short: compacts.map(number({ notation: 'compact' })),
    long: compacts.map(number({ notation: 'compact', compactDisplay: 'long' })),
    dates: {}, times: {}, zones: {}, both: [],
  }
  for (const s of styles) {
    const date = new Intl.DateTimeFormat(locale, { dateStyle: s, timeZone: 'UTC' })
    const time = new Intl.DateTimeFormat(locale, { timeStyle: s, timeZone: 'Europe/Berlin' })
    o.dates[s] = instants.map(i => date.format(new Date(i)))
    o.times[s] = instants.map(i => time.format(new Date(i)))
  }
  const both = new Intl.DateTimeFormat(locale, { dateStyle: 'short', timeStyle: 'short', timeZone: 'Asia/Tokyo' })
  o.both = instants.map(i => both.format(new Date(i)))
  for (const timeZone of zones) {
    o.zones[timeZone] = ['long', 'full'].flatMap(timeStyle => {
      const f = new Intl.DateTimeFormat(locale, { timeStyle, timeZone })
      return ['2026-01-15T09:08:07Z', '2026-07-15T09:08:07Z'].map(i => f.format(new Date(i)))
    })
  }
  return o
}

for (const l of locales) {
  const fixed = v => new Intl.PluralRules(l, { minimumFractionDigits: v, maximumFractionDigits: v })
  const rules = [fixed(0), fixed(1), fixed(2), fixed(3)]
  const ordinal = new Intl.PluralRules(l, { type: 'ordinal' })
  const languages = new Intl.DisplayNames(l, { type: 'language', languageDisplay: 'dialect' })
  // For a locale that it does not know, Intl would quietly write English.
  const knows = f => f.supportedLocalesOf([l]).length > 0
  const known = knows(Intl.PluralRules)
  const o = {
    known,
    cardinal: known ? counts.map(n => rules[0].select(n)).join(' ') : '',
    ordinal: known ? counts.map(n => ordinal.select(n)).join(' ') : '',
    fractions: known ? fractions.map(s => rules[s.split('.')[1].length].select(Number(s))).join(' ') : '',
    relative: {}, lists: {}, languages: knows(Intl.DisplayNames) ? locales.map(x => languages.of(x)) : [],
    formats: knows(Intl.NumberFormat) && knows(Intl.DateTimeFormat), own: formats(l), plain: formats(l + '-u-ca-gregory-nu-latn'),
  }
  for (const style of knows(Intl.RelativeTimeFormat) ? ['long', 'short'] : []) {
    for (const numeric of ['always', 'auto']) {
      const f = new Intl.RelativeTimeFormat(l, { style, numeric })
      for (const u of units) o.relative[style + ' ' + numeric + ' ' + u] = distances.map(d => f.format(d, u))
    }
  }
  for (const type of knows(Intl.ListFormat) ? ['conjunction', 'disjunction', 'unit'] : []) {
    const f = new Intl.ListFormat(l, { type, style: 'long' })
    o.lists[type] = lists.map(x => f.format(x))
  }
  out.locales[l] = o
}
// The Solar Hijri year begins on one of these days: March of every year that the calendar's cycle is good for.
const persian = new Intl.DateTimeFormat('fa-u-nu-latn', { dateStyle: 'short', timeZone: 'UTC' })
out.nowruz = {}
for (let year = 1926; year < 2088; year++) {
  out.nowruz[year] = [19, 20, 21, 22].map(day => persian.format(Date.UTC(year, 2, day)))
}
console.log(JSON.stringify(out))
