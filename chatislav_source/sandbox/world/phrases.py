"""Texts and frequencies of the generated conversations; a number replaces `#` in a text."""

USER_PHRASES: dict[str, tuple[str, ...]] = {
    "latin": (
        "Dobar dan, da li mi možete pomoći?",
        "Gde je moja porudžbina #?",
        "Želim da zakažem termin za sutra u 10 časova.",
        "Koliko košta dostava do Niša?",
        "Nije stigla potvrda na mejl, šta sada? 😕",
        "Da li radite nedeljom?",
        "Hvala vam puno! 🙏",
        "Račun # je plaćen dva puta, molim povraćaj.",
        "Može li plaćanje na rate, a bez kamate?",
        "Đorđe iz prodavnice mi je rekao „biće sutra”. Ćutim i čekam…",
        "ok",
        "Ne radi mi prijava na nalog, piše greška #.",
    ),
    "cyrillic": (
        "Добар дан, занима ме цена услуге.",
        "Када стиже пошиљка број #?",
        "Хтео бих да откажем резервацију.",
        "Да ли имате слободан термин у петак?",
        "Хвала, то је све! 👍",
        "Нисам добио шифру, пошаљите поново.",
        "Љубазно молим за рачун на фирму, ПИБ #.",
        "Џабе чекам већ трећи дан… 😡",
    ),
    "english": (
        "Hi, can you help?",
        "Where is my order #?",
        "I'd like to talk to a human, please.",
        "What are your opening hours?",
        'It says "invalid code #" and I can\'t log in.',
        "Great, thank you! 🎉",
        "Do you ship to Zürich?\nAnd how long does it take?",
        "👍",
    ),
}

AGENT_PHRASES: dict[str, tuple[str, ...]] = {
    "latin": (
        "Dobar dan! Kako mogu da pomognem?",
        "Porudžbina # je poslata i stiže u roku od dva radna dana. 📦",
        "Dostava košta 390 RSD, a besplatna je za iznose preko 6.000 RSD.",
        "Radimo od ponedeljka do subote, od 9 do 20 časova.",
        "Proverio sam: uplata # je evidentirana. Povraćaj traje do 5 radnih dana.",
        "Prosleđujem razgovor kolegi, molim vas sačekajte trenutak.",
        "Da li mogu još nešto da učinim za vas?",
        "Žao mi je zbog neprijatnosti. Poslao sam novi link za prijavu.",
    ),
    "cyrillic": (
        "Добар дан! Изволите.",
        "Пошиљка број # је на путу, стиже сутра до 17 часова.",
        "Резервација # је отказана, новац се враћа на картицу.",
        "Слободни термини у петак: 9:30, 11:00 и 15:45.",
        "Нова шифра је послата СМС поруком.",
        "Хвала на стрпљењу! Да ли је проблем решен? 😊",
    ),
    "english": (
        "Hello! How can I help you today?",
        "Your order # has been shipped and arrives within 2 working days. 🚚",
        "We are open Monday to Saturday, 9:00–20:00.",
        "I have sent you a new login link. It is valid for 30 minutes.",
        "I'm passing you on to a colleague, one moment please.",
        "Yes, we ship to Switzerland; it takes 3–5 days and costs € 12.",
    ),
}

FEEDBACK_COMMENTS: dict[str, tuple[str, ...]] = {
    "latin": ("Brzo i jasno, hvala!", "Nije razumeo pitanje.", "Odlično 👏", "Predugo sam čekao."),
    "cyrillic": ("Одлична услуга!", "Није ми помогло.", "Све похвале 🌟"),
    "english": ("Helpful answer", "Didn't answer my question", "Great bot!"),
}

NAMES = ("Jovana Petrović", "Милан Јовановић", "Đorđe Šćepanović", "Ana Kovač", "Никола Илић")

CHANNELS = (
    *("widget",) * 30,
    *("whatsapp",) * 12,
    *("viber",) * 9,
    *("instagram",) * 5,
    *("facebook",) * 4,
    *("telegram",) * 2,
    "outlook",
    "zendesk",
)  # 64 places; only the analytics endpoint filters on the last two

LANGUAGES = (*("latin",) * 8, *("cyrillic",) * 4, *("english",) * 4)  # 16 places

MESSAGE_COUNTS = (
    *(0,) * 4,
    *(1,) * 10,
    *(count for count in range(2, 13) for _ in range(20)),
    *range(13, 31),
    *(32, 36, 38, 40),
)  # 256 places: 0 to 40, mostly 2 to 12
