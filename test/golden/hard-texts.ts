/** Whole texts that are hard to cut: the classes of Unicode, spaces of every kind, digits, contractions, marks, names of tokens. */
export const HARD_TEXTS: readonly string[] = [
  // Contractions in every case, with both apostrophes, and what is none.
  "I'm I'M i'm you'RE We'Ll they'VE it'S can'T he'd HE'D 'tis 'Twas rock'n'roll o'clock d'être 'sup ''s 'ss s' '",
  'I’m you’re WE’LL can’t',
  "x'sy x'rey 1's 9'd _'s 'S.'T",
  // Runs of digits alone and in company.
  '1 12 123 1234 12345 123456 1234567 12345678 123456789 1234567890',
  'a1b22c333d4444 0x1F 3.14159 1,000,000 1e-9 2024-11-21T02:03:04Z v1.2.3 ½¾ ²³ ٤٥٦٧٨ ৭৮৯ Ⅷ ①②③ 12３４',
  // Spaces and newlines.
  ' ',
  '  ',
  '   ',
  '\n',
  '\n\n',
  '\n \n',
  ' \n',
  '\t\t \t',
  '\r\n\r\n',
  'a  b   c    d     e',
  'a \n b\n\n c \n\n\n d\t\n\te\r\n f\r\r g',
  'def f(x):\n    if x:\n        return  x  # why?\n\n\n\tpass\n',
  'end with spaces   ',
  '   begin with spaces',
  'end with newlines\n\n\n',
  'nbsp\u00a0here \u00a0there\u00a0\u00a0two thin\u2009hair\u200aem\u2003ideographic\u3000narrow\u202fmath\u205fogham\u1680',
  'next\u0085line\u2028para\u2029vt\u000bff\u000cfs\u001cgs\u001d',
  'zero\u200bwidth\u200cnon\u200djoiner\u2060word\ufeffbom\u00adsoft\u180emvs',
  '\ufeffBOM first',
  // Control characters, private use, unassigned, non-characters.
  '\u0001\u0002\u0007\u001b[0m\u007f\u0080\u009f',
  '\ue000\uf8ff\u{f0000}\u{10fffd} \u0378\ufdd0\uffff\ufffd',
  // Letters, marks, cases.
  'Ångström ångström A\u030angstro\u0308m é e\u0301 ệ e\u0323\u0302 ﬁ ﬂ ŉ ǅ ǈ ẞ ß İ ı ſ K Ω Å',
  'UPPER lower Title camelCase PascalCaseHTTPServer iPhone McDonald ÀÉÎ àéî ÀéÎõ ДАДА дада ДаДа ΑΒΓ αβγ ΑβΓ',
  'ǆǅǄ ᾈᾀ ⅷⅧ ⓐⒶ 𝐀𝐚 𐐀𐐨 ʰʱ ªº',
  // Scripts.
  '我想在apple工作1314151天～，。！？「你好」',
  '日本語のテキスト、ｶﾀｶﾅ、ー々〆ヶ',
  '한국어 텍스트입니다. ㅋㅋㅋ 한글',
  'ภาษาไทยไม่มีช่องว่าง กำลัง เก้า',
  'العَرَبِيَّة مُحَمَّد ١٢٣ ـــ لا',
  'עִבְרִית שָׁלוֹם ״ציטוט״',
  'हिन्दी क्षत्रिय नमस्ते ज़िंदगी १२३',
  'தமிழ் తెలుగు ಕನ್ನಡ മലയാളം বাংলা ਪੰਜਾਬੀ',
  'ខ្មែរ ລາວ မြန်မာ བོད་ཡིག አማርኛ',
  // Emoji.
  '😀😃 👍🏽 👩‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈 🇫🇮🇩🇪 1️⃣ ☎️ ❤️‍🔥 ©®™',
  '🙂x🙂 y 🙂🙂🙂 z🙂',
  // Punctuation and symbols.
  '!?!? ... …… --- —– *** ### $$$ %%% ^^^ &&& @@@ ~~~ ``` \'\'\' """ ((([[[{{{',
  '$100 €200 £300 ¥400 +1 -1 ±1 ×2 ÷2 =3 <4> ≤5 ∑∏√∞ ←→ ░▒▓ ♠♣',
  'https://user:pass@example.org:8080/a/b.c?d=e&f=%20#g mailto:a@b.c C:\\dir\\file.txt ~/x/*.ts',
  'for(i=0;i<10;++i){a[i]+=b->c.d*2;}//x\n/* y */ #include <z.h>\n',
  '<p class="a">x &amp; y</p>\n<!-- z -->\n{"k":[1,2.5e-3,null,true],"l":"\\n\\"m\\""}',
  // Long words and runs.
  'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
  `${'a'.repeat(100)} ${'ab'.repeat(60)} ${'!'.repeat(70)} ${'='.repeat(70)} ${'字'.repeat(40)}`,
  `x${' '.repeat(70)}y${'\n'.repeat(40)}z${'\t'.repeat(20)}${' \n'.repeat(10)}`,
  // Names of tokens, as text.
  '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<|endoftext|>',
  '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n<|eot_id|><|eom_id|><|end_of_text|>',
  '<s>[INST] Hi [/INST]</s><unk><0x0A>▁<bos><eos><start_of_turn>model\n<end_of_turn>\n',
  '<|user|>\nHi<|end|>\n<|assistant|>\n<|system|><|tool|><think>\n</think>\n[THINK][/THINK]',
  '<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><｜end▁of▁sentence｜>',
  '▁ ▁▁ a▁b Ġ Ċ Ġa âĢĻ',
];
