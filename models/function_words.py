"""Small words that give a language away where letters do not: plain Czech, English, Arabic in Latin letters."""

_CZECH = """
jsem jste jsou jsme bych byste by bude bylo byla byly byl budou neni jeste taky take tady tam kdyz kdyby proc nebo aby
ale uz jen jak kde kdo co ze se si mi me mne nam vam ten ta ty tato toto tu pro pri pod nad na do od moc dobry dobre
dekuji diky dik prosim fakt asi snad treba hezky super nic neco nekdo nikdo nikdy vsechno vsichni jako tak hned dnes
zitra vcera porad vubec uplne opravdu dost zase jenze takhle bez je jo joo ano no po ktery ktera ktere kazdy vas vase
nas nase jeho jeji jejich ho ji mu tohle tenhle tahle hodne spatny skvely nejlepsi lepsi presne spravne uzasna uzasny
pekne pekny krasna krasny krasne nadhera skoda vypada mam mate mame maji ma nema mit dat jsi muze muzu nemuzu mohla
mohli nejde nefunguje funguje chci chce byt jde jdu rok cena sleva slevu akce zdarma zbozi obchod prodejna objednavka
"""
_ENGLISH = """
the and you your for not with this that have was are but what when how why its can my we they from just please thanks
thank love best worst great good bad still never get got been is of to in on it don isn didn won doesn
"""
_ARABIZI = """
wallah wallahi inshallah enshallah mashallah habibi habibti yalla khalas leh lesh leish msh mesh mish mafi keda kda
ana enta enti ento 7aga haga gamed kteer ktir bas ma3 3ala 3la 3an 3ashan 3shan fe el kol kul ya3ni
"""

CZECH_WORDS = frozenset(_CZECH.split())
ENGLISH_WORDS = frozenset(_ENGLISH.split())
ARABIZI_WORDS = frozenset(_ARABIZI.split())
