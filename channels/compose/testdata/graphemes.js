// Writes graphemes.json, where Node's Intl.Segmenter (Unicode 17 in Node 20.20 or later) sees characters:
//
//   node channels/compose/testdata/graphemes.js >channels/compose/testdata/graphemes.json
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
const pieces = text => [...segmenter.segment(text)].map(s => s.segment)
const one = text => pieces(text).length === 1

// ranges lists the code points for which a test holds, as pairs of first and last.
function ranges(test) {
  const out = []
  for (let c = 0; c <= 0x10ffff; c++) {
    if ((c >= 0xd800 && c <= 0xdfff) || !test(String.fromCodePoint(c))) continue
    const last = out[out.length - 1]
    if (last && last[1] === c - 1) last[1] = c
    else out.push([c, c])
  }
  return out
}

const texts = [
  'a\r\nb', 'e\u0301e\u0301', ' \u0301 \u0301', '\n\u0301a', '👨‍👩‍👧‍👦👩🏽‍🔬🏳️‍🌈🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🇩🇪🇫🇷🇺🇦🇸', 'a🇩🇪🇫b', '1️⃣2️⃣', '❤️‍🔥❤', '👍🏿👍', '👶🏿👶',
  'क्षत्रिय', 'क्‍ष', 'क्‌ष', 'র্যাব ক্ষ', 'ક્ષ ત્ર', 'ക്ഷ', 'క్ష', 'ଶ୍ରୀ', 'க்ஷ', 'နိုင်ငံ မန္တလေး', 'ភាសាខ្មែរ ស្ត្រី', 'ভাষা', 'ภาษาไทย น้ำ ทำ', 'ພາສາລາວ ນໍ້າ ຈຳ',
  '한국어', '\u1112\u1161\u11ab\u1100\u116e\u11a8', '\ua960\u1161\ud7cb', '각\u11a8', '\u1100\u1100\u1161', 'か\u3099ｶﾞ', '\u0600123', '\u06dd٤', '\u070fܐ', '\u0d4eക',
  'می‌خواهم', 'مُحَمَّد', 'שָׁלוֹם', 'Z͑ͫa̴l̷g̸o̴', 'a\u200db', 'a\u200bb', 'x\u2060y', '\u2068a\u2069\u0301', '𝒜𝒷', 'ᬅᬓ᭄ᬱ', 'ꦏ꧀ꦱ', '𑄇𑄳𑄡', 'བོད་སྐད', 'አማርኛ', 'ߒߞߏ',
]

console.log(JSON.stringify({
  unicode: process.versions.unicode,
  behind: ranges(c => one('a' + c)),            // one character with the letter before it
  before: ranges(c => one(c + 'a')),            // with the letter behind it
  between: ranges(c => one('\u0915' + c + '\u0915')), // makes one of two consonants
  lead: ranges(c => one(c + '\u1161')),         // Hangul: with a vowel behind it
  open: ranges(c => one(c + '\u11a8')),         // with a final consonant behind it
  vowel: ranges(c => one('\u1100' + c)),        // with a leading consonant before it
  final: ranges(c => one('\u11a8' + c)),        // with a final consonant before it
  consonants: ranges(c => one('\u0915\u094d' + c)), // joined to a consonant by a sign
  pictures: ranges(c => one('\u{1f469}\u200d' + c)), // joined to a picture
  flags: ranges(c => one('\u{1f1e9}' + c)),
  texts: texts.map(pieces),
}, null, 0).replace(/,"/g, ',\n"'))
