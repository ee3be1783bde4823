"""What a text is about: its frequent words and pairs of words, its names, its real sentences."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

WORD = re.compile(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ'’-]+")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])|\n+")
ORDERS = re.compile(r"ignore (?:all |any )?(?:previous|prior)|system prompt|developer mode|disable all|rehearsal|internal:|excluded in robots", re.I)
NAME = re.compile(r"(?<![.!?] )(?<!\A)(?<!\n)\b([A-Z][a-zà-ÿ]+(?: [A-Z][a-zà-ÿ]+){1,2})\b")
ENDS_LIKE_A_VERB = ("ing", "ed", "ly")


@cache
def stopwords() -> frozenset[str]:
    return frozenset((Path(__file__).parent / "banks" / "stopwords.txt").read_text("utf-8").split())


def lines_once(text: str) -> str:
    """Each line once: menus and footers stand on every crawled page and say nothing about the subject."""
    return "\n".join(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def key_phrases(text: str, *, without: str = "", limit: int = 14) -> list[str]:
    """The most telling phrases in lower case, pairs of words first. Words of `without` (the company's name) are left out."""
    stops = stopwords() | {word.lower() for word in WORD.findall(without)}
    pairs: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for piece in re.split(r"[.,;:!?()\[\]|/\"“”\n*#>–—]+", lines_once(text)):
        row = [word.lower().replace("’", "'").removesuffix("'s") for word in re.findall(r"\S+", piece)]
        row = [word.strip("'-_`") for word in row]
        useful = [bool(re.fullmatch(r"[a-zà-ÿ][a-zà-ÿ'-]{2,}", word)) and word not in stops for word in row]
        for position, word in enumerate(row):
            if useful[position]:
                words[word] += 1
                if position and useful[position - 1] and not word.endswith(ENDS_LIKE_A_VERB) and not row[position - 1].endswith(("ly", "ed")):
                    pairs[f"{row[position - 1]} {word}"] += 1
    chosen = [pair for pair, count in pairs.most_common(40) if count > 1]
    covered = {word for pair in chosen[:limit] for word in pair.split()}
    singles = [word for word, count in words.most_common(60)
               if count > 2 and word not in covered and len(word) > 4 and not word.endswith(ENDS_LIKE_A_VERB)]
    rest = [pair for pair, count in pairs.most_common(60) if count == 1]
    return list(dict.fromkeys([*chosen[:limit - 3], *singles[:3], *chosen[limit - 3:], *rest]))[:limit]


def names(text: str, *, without: str = "") -> list[str]:
    """Capitalised phrases that return, most frequent first: products, mostly."""
    skip = {word.lower() for word in WORD.findall(without)}
    found = Counter(match for match in NAME.findall(lines_once(text)) if not {word.lower() for word in match.split()} & skip)
    return [name for name, _ in found.most_common(12)]


def sentences(text: str) -> list[str]:
    """Whole sentences of a readable length, each once; nothing that gives orders to a reader's software."""
    found = (" ".join(piece.strip(" -*#>|").split()) for piece in SENTENCE.split(lines_once(text)))
    whole = (piece for piece in found if 40 <= len(piece) <= 220 and piece[0].isupper() and piece[-1] in ".!?" and "http" not in piece)
    return [piece for piece in dict.fromkeys(whole) if not ORDERS.search(piece) and "|" not in piece and ": {" not in piece]


def about(words: str, candidates: list[str]) -> list[str]:
    """The candidates, those that share most words with `words` first."""
    wanted = {word.lower() for word in WORD.findall(words)} - stopwords()
    return sorted(candidates, key=lambda candidate: -len(wanted & {word.lower() for word in WORD.findall(candidate)}))
