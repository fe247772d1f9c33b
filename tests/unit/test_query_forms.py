"""Plain words match their forms, and not other words that look like them."""

import pytest

from tests.kit.query import matched

FORMS = {
    # Russian: declension of names and words, verbs, ё, fleeting vowels.
    "Аврора": "Авроры Авроре Аврору Авророй авророю АВРОРА",
    "Тинькофф": "Тинькоффа Тинькоффу Тинькоффом Тинькоффе",
    "Магнит": "Магнита Магните Магнитом магниты магнитам",
    "Пятёрочка": "Пятерочки пятёрочке пятерочку Пятёрочкой Пятёрочек",
    "Перекрёсток": "Перекрестка перекрёстке Перекрестком",
    "банк": "банка банку банком банке банки банков банкам",
    "рейсы": "рейс рейса рейсов рейсами",
    "задержка": "задержки задержек задержку задержками",
    "авария": "аварии аварий аварию авариями",
    "жалоба": "жалоб жалобы жалобу",
    "приложение": "приложения приложению приложений приложением",
    "Казань": "Казани Казанью",
    "трамвай": "трамвая трамвае трамваев",
    "молоко": "молока молоку молоком",
    "северный": "северной северная северному северных",
    "работает": "работают работал работала работать работаем",
    "задержали": "задержать задержала",
    "дом": "дома домов дому",
    "продавец": "продавца продавцу",
    "билетами": "билет билеты билетов",
    "площадь": "площади площадью",
    "Черномырдин": "Черномырдина Черномырдиным",
    # Kazakh: plural, possessive, case, their chains; glued to Latin names; typed on a Russian keyboard.
    "Каспи": "Каспидің Каспиге Каспиде Каспиден Каспиді Каспидегі Каспимен Каспидікі каспидин",
    "банктік": "банктік",
    "Алатау": "Алатаудың Алатауда Алатауға алатаудан Алатауым",
    "қазақтелеком": "Қазақтелекомның Казактелекомга қазақтелекомнан қазақтелекомдар",
    "Самұрық": "Самұрығы самұрықтың Самұрыққа самурык",
    "мектеп": "мектептер мектептерде мектебі мектебінде мектептеріміздің мектебіңіз",
    "ұшақ": "ұшақтың ұшақтар ұшақта ұшағым",
    "қыз": "қыздың қызға қыздар қызбен",
    "рейстер": "рейс рейсі рейстің рейске",
    "Kaspi": "Kaspiдің Kaspiге Kaspi'ге Kaspiом",
    # Czech: hard and soft declension, softening, fleeting e, adjectives, verbs; with and without diacritics.
    "Škoda": "Škody Škodě Škodu Škodou Škodo škod Škodám Škodách skoda skode skodach",
    "Praha": "Praze Prahou Prahu Prahy",
    "Sparta": "Spartě Spartu Spartou",
    "Alza": "Alze Alzou Alzy Alzu",
    "banka": "bance banky banku bank bankách bankou",
    "socha": "soše sochy",
    "pobočka": "poboček pobočce pobočky",
    "Rohlík": "Rohlíku rohlíky rohlíkem rohlíkům rohlících",
    "Plzeň": "Plzně Plzni Plzní",
    "Albert": "Alberta Albertu Albertem Albertovi",
    "Lidl": "Lidlu Lidlem",
    "let": "lety letů letu letem",
    "Tesco": "Tesca Tescu Tescem",
    "Apple": "Applu Applem",
    "zpoždění": "zpožděním zpožděních zpozdeni",
    "mobilní": "mobilního mobilním",
    "mladý": "mladá mladého mladou",
    "nefunguje": "nefungují nefungoval nefungovala",
    "zavolali": "zavolal zavolala zavolat",
    "zákazníkem": "zákazník zákazníky",
    # English: plurals, possessives, verbs.
    "Visa": "Visas Visa's VISA",
    "delay": "delays delayed delaying",
    "company": "companies company's",
    "flights": "flight",
    "ladies": "lady",
    "refund": "refunds refunded refunding",
    "cancel": "cancels cancelled canceled cancelling",
    "delayed": "delay delays delaying",
    "charge": "charges charged charging",
    "stop": "stops stopped stopping",
    "crash": "crashes crashed",
    "T-Mobile": "T-Mobile t-mobilu T-Mobile's",
    "booking.com": "Booking.com",
    "McDonald's": "McDonalds McDonald",
    # Arabic: article, conjunctions, prepositions, pronouns, plurals, letter variants, vowel marks, tatweel.
    "شركة": "الشركة والشركة للشركة بالشركة فالشركة وبالشركة شركتي شركته شركتهم شركات الشركات شركه شَرِكَة",
    "بنك": "البنك والبنك للبنك بالبنك لبنك بنكي بنكهم كبنك بنـــك",
    "تطبيق": "التطبيق تطبيقكم تطبيقهم تطبيقات والتطبيقات",
    "أورورا": "اورورا لأورورا بأورورا وأورورا أوروراً",
    "الطيران": "طيران والطيران للطيران بطيران",
    "موظف": "الموظفون موظفين للموظف",
    "عم": "العم",
}

OTHER_WORDS = {
    "Alza": "alzheimer alzaa alt balza",
    "Visa": "vis visage visit visual vízum",
    "Магнит": "магний магния магнитный магнитола",
    "Метро": "метров метра метре метрика",
    "United": "unit units unite unity",
    "Booking": "book books booked",
    "Universal": "university universe universally",
    "Кари": "кара каре карой карты карий",
    "такси": "такса таксу таксист",
    "Каспи": "Каспий Каспия каспийский",
    "Астана": "аста астында",
    "Алма": "Алмата Алматы алмас",
    "Казань": "казан казаны",
    "дом": "домино дума домик домра",
    "рис": "риске риска рисунок",
    "Юла": "юл юлий",
    "زين": "زينة وزير حزين مزين",
    "بنك": "ابنك بنكو شبنك",
    "Car": "care cared cares career",
    "Gap": "gape",
    "Plan": "plane planet",
    "Сбер": "сберечь сберкасса",
    "Мир": "мировой миграция",
    "Apple": "apply applied appliance",
    "МТС": "мтса мтсом",
    "ab": "abs",
    "O2": "o2u o",
    "Лада": "ладан ладья",
    "東京": "東京都",
}


@pytest.mark.parametrize(("word", "forms"), FORMS.items(), ids=FORMS)
def test_a_plain_word_matches_its_forms(word: str, forms: str) -> None:
    lost = [form for form in forms.split() if not matched(word, f"xx {form}, yy")]
    assert lost == []


@pytest.mark.parametrize(("word", "others"), OTHER_WORDS.items(), ids=OTHER_WORDS)
def test_a_plain_word_does_not_match_other_words(word: str, others: str) -> None:
    false = [other for other in others.split() if matched(word, f"xx {other}, yy")]
    assert false == []


@pytest.mark.parametrize("word", [*FORMS, *OTHER_WORDS])
def test_a_plain_word_matches_itself_in_any_case(word: str) -> None:
    assert matched(word, word.upper())
    assert matched(word, word.lower())


def test_what_is_found_is_shown_as_it_stands_in_the_post() -> None:
    assert matched("škoda OR шкода", "SKODOU jsem nejel, Шко́ду не люблю, skodou") == ("SKODOU", "Шко́ду", "skodou")


def test_marks_and_invisible_characters_are_shown_but_not_compared() -> None:
    assert matched("شركة", "قالت الشَّرِكَةُ!") == ("الشَّرِكَةُ",)
    assert matched("aurora", "au\u200bro\u00adra") == ("au\u200bro\u00adra",)
    assert matched("aurora", "ℱine, 𝐀𝐮𝐫𝐨𝐫𝐚 ❤️ ok") == ("𝐀𝐮𝐫𝐨𝐫𝐚",)
    assert matched("ﬁne", "ﬁne FINE") == ("ﬁne", "FINE")


def test_at_most_twenty_spellings_are_shown() -> None:
    found = matched("auror*", " ".join(f"aurora{number}" for number in range(50)))
    assert found is not None
    assert len(found) == 20
