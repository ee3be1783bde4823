"""What a text is about: its frequent words and pairs of words, its names, its real sentences."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

WORD = re.compile(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ'’-]+")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])|\n+")
# Orders hidden in a text, notes not meant for the public, and sentences this writer made up itself in an earlier step.
NOT_EVIDENCE = re.compile(
    r"ignore (?:all |any )?(?:previous|prior)|system prompt|developer mode|disable all|attacker|rehearsal|internal:"
    r"|excluded in robots|stands for the offer as a whole|short sentences, no superlatives|they ask concrete questions",
    re.IGNORECASE,
)
NAME = re.compile(r"\b([A-Z][a-zà-ÿ]+(?: [A-Z][a-zà-ÿ]+){1,2})\b")
ENDS_LIKE_A_VERB = ("ing", "ed", "ly")
SHORT_TEXT_WORDS = 400  # below this, pairs that occur once are all there is


@cache
def stopwords() -> frozenset[str]:
    return frozenset((Path(__file__).parent / "banks" / "stopwords.txt").read_text("utf-8").split())


def lines_once(text: str) -> str:
    """Each line once: menus and footers stand on every crawled page and say nothing about the subject."""
    return "\n".join(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def key_phrases(text: str, *, without: str = "", limit: int = 14) -> list[str]:
    """The most telling phrases in lower case, pairs of words first; without names, `without` above all."""
    text = re.sub(re.escape(without), "\n", lines_once(text), flags=re.IGNORECASE) if without else lines_once(text)
    stops, pairs, words = stopwords(), Counter[str](), Counter[str]()
    for piece in dict.fromkeys(re.split(r"[.,;:!?()\[\]|/\"“”\n*#>–—]+", text)):
        row = [word.strip("'’-_`").removesuffix("'s").removesuffix("’s") for word in piece.split()]
        useful = [bool(re.fullmatch(r"[A-Za-zÀ-ÿ][a-zà-ÿ'-]{2,}", word)) and word.lower() not in stops for word in row]
        for position, word in enumerate(row):
            if not useful[position] or (word[0].isupper() and position > 0):
                continue
            words[word.lower()] += 1
            before = row[position - 1].lower() if position and useful[position - 1] else ""
            if before and not word.endswith(ENDS_LIKE_A_VERB) and not before.endswith(("ly", "ed")):
                capital = row[position - 1][0].isupper() and position > 1
                pairs[f"{before} {word.lower()}"] += 0 if capital else 1
    often = [pair for pair, count in pairs.most_common(40) if count > 1]
    covered = {word for pair in often[:limit] for word in pair.split()}
    singles = [
        word
        for word, count in words.most_common(60)
        if count > 2 and word not in covered and len(word) > 4 and not word.endswith(ENDS_LIKE_A_VERB)
    ]
    enough = [*often, *singles[:2]]
    if len(text.split()) < SHORT_TEXT_WORDS or len(often) < 5:
        enough += [
            pair for pair, count in pairs.items() if count == 1 and min(words[word] for word in pair.split()) > 1
        ] + singles
    enough += [pair for pair in pairs if len(enough) < 3]
    return [phrase for phrase in dict.fromkeys(enough) if phrase.split()[-1] not in people_words()][:limit]


def names(text: str, *, without: str = "") -> list[str]:
    """Capitalised phrases, most frequent first, whose last word is an ordinary word too: products, not people."""
    whole = lines_once(text)
    skip = {word.lower() for word in WORD.findall(without)}
    ordinary = {word for word in WORD.findall(whole) if word.islower()}
    found = Counter(
        match
        for match in NAME.findall(whole)
        if match.split()[-1].lower() in ordinary - stopwords() and match.split()[0].lower() not in stopwords() | skip
    )
    return [name for name, _ in found.most_common(12)]


@cache
def people_words() -> frozenset[str]:
    return frozenset((Path(__file__).parent / "banks" / "people.txt").read_text("utf-8").split())


def people(text: str) -> list[str]:
    """People or organisations that the text speaks of, the most frequent first: "independent cafés", "runners"."""
    found: Counter[str] = Counter()
    for piece in re.split(r"[.,;:!?()\[\]|/\"“”\n*#>–—]+|\band\b|\bor\b", lines_once(text).lower()):
        row = piece.split()
        for position, word in enumerate(row):
            if word in people_words():
                before = row[position - 1] if position else ""
                told = before in ("small", "independent", "local", "young") or (
                    before.isalpha()
                    and len(before) > 3
                    and before not in stopwords()
                    and not before.endswith(ENDS_LIKE_A_VERB)
                )
                found[f"{before} {word}" if told else word] += 1
    return [group for group, _ in found.most_common(6)]


def sentences(text: str) -> list[str]:
    """Whole sentences of a readable length, each once; nothing that gives orders to a reader's software."""
    found = (" ".join(piece.strip(" -*#>|").split()) for piece in SENTENCE.split(lines_once(text)))
    whole = (
        piece
        for piece in found
        if 40 <= len(piece) <= 220 and piece[0].isupper() and piece[-1] in ".!?" and "http" not in piece
    )
    return [
        piece for piece in dict.fromkeys(whole) if not NOT_EVIDENCE.search(piece) and not re.search(r"[|{}]", piece)
    ]


def about(words: str, candidates: list[str]) -> list[str]:
    """The candidates, those that share most words with `words` first."""
    wanted = {word.lower() for word in WORD.findall(words)} - stopwords()
    return sorted(candidates, key=lambda candidate: -len(wanted & {word.lower() for word in WORD.findall(candidate)}))
