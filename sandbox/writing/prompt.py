"""What a prompt says, wherever it says it: data blocks, JSON in them, `Key: value` lines, addresses, plain sentences."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.writing import phrases

BLOCK = re.compile(r"<(data-[A-Za-z0-9_-]+)\b([^>]*)>(.*?)</\1\b[^>]*>", re.DOTALL)
BLOCK_NAME = re.compile(r"""name\s*=\s*["']?([^"'>\s]+)""")
LINE = re.compile(r"^[\s*#-]*\**([A-Za-z][A-Za-z _/-]{1,38}?)\**\s*:\**\s+(\S.*)$", re.MULTILINE)
ADDRESS = re.compile(r"https?://[^\s<>\"')\]},|]+")
WORDS_WANTED = re.compile(r"\b(\d[\d,]{2,5})(?:\s*(?:-|–|to)\s*(\d[\d,]{2,5}))?[\s-]*words?\b", re.IGNORECASE)
PEOPLE = re.compile(r"\bfor ((?:[a-z-]+ ){0,3}[a-z-]+s)(?= (?:who|that|between|in|from|near|with|across)\b|[.,;:]| and\b)")
ORGANISATION_BLOCK = re.compile(r"company|client|tenant|profile|organi[sz]ation|customer")
LONGEST_VALUE = 300

COMPANY = ("companyname", "company", "businessname", "business", "clientname", "client", "tenantname", "tenant", "brandname", "brand",
           "organisation", "organization", "customername", "displayname")
WEBSITE = ("websiteurl", "website", "websiteaddress", "siteurl", "homepage", "domain", "site", "url")
KEYWORD = ("primarykeyword", "targetkeyword", "focuskeyword", "keyword", "primary", "topic", "topics", "subject", "theme")
NOTE = ("reviewernote", "reviewersnote", "reviewnote", "revisionnote", "changenote", "rejectionnote", "decisionnote", "feedback", "reviewerfeedback", "note")
WORD_COUNT = ("targetwordcount", "wordcounttarget", "wordcount", "targetwords", "length")


@dataclass
class Facts:
    """`fields` maps a name in lower case without separators to the values found under it, in order of trust."""

    corpus: str
    fields: dict[str, list[Any]] = field(default_factory=dict)
    company: str = "the company"
    website: str = ""
    addresses: list[str] = field(default_factory=list)
    keyword: str = ""
    title: str = ""
    audiences: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    note: str = ""
    word_count: int = 0
    blocks: dict[str, str] = field(default_factory=dict)

    def first(self, *names: str) -> Any:
        """The first value under any of the names, or None."""
        return next((self.fields[name][0] for name in names if self.fields.get(name)), None)

    def text(self, *names: str) -> str:
        value = self.first(*names)
        return value.strip() if isinstance(value, str) else ""

    def listed(self, *names: str) -> list[str]:
        """All short texts under these names; lists in one line are taken apart at commas."""
        found: list[str] = []
        for name in names:
            for value in self.fields.get(name, []):
                if isinstance(value, str):
                    parts = re.split(r"\s*[,;\n]\s*", value) if len(value) < LONGEST_VALUE else []
                    found += [part.strip(" -*.") for part in parts if 2 < len(part.strip(" -*.")) <= 60]
        return list(dict.fromkeys(found))


def normalised(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def without_delimiters(text: str) -> str:
    """The prompt with the random part of its block tags taken out: what the answer depends on."""
    return re.sub(r"(</?data-)[A-Za-z0-9_-]+", r"\1", text)


def read(system: str, prompt: str) -> Facts:
    blocks: dict[str, str] = {}
    for _, attributes, inner in BLOCK.findall(f"{system}\n{prompt}"):
        name = BLOCK_NAME.search(attributes)
        key = name.group(1) if name else "data"
        blocks[key] = f"{blocks[key]}\n{inner}" if key in blocks else inner
    outside = BLOCK.sub("\n", f"{system}\n{prompt}")
    corpus = "\n".join(blocks.values()) if blocks else BLOCK.sub("\n", prompt)
    facts = Facts(corpus=_readable(corpus), blocks=blocks)
    for name, inner in blocks.items():
        _collect(facts.fields, name, _parsed(inner))
    for text in (*blocks.values(), outside):
        for name, value in LINE.findall(text):
            facts.fields.setdefault(normalised(name), []).append(value.strip())
    _interpret(facts, outside)
    return facts


def _parsed(text: str) -> Any:
    """JSON where it is JSON, else the text."""
    text = text.strip()
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _collect(fields: dict[str, list[Any]], name: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            inside = "companyname" if key == "name" and ORGANISATION_BLOCK.search(name.lower()) else key
            _collect(fields, inside, inner)
    elif isinstance(value, list):
        for inner in value:
            _collect(fields, name, inner)
    elif value not in (None, ""):
        fields.setdefault(normalised(name), []).append(value)


def _readable(corpus: str) -> str:
    """Text without JSON punctuation and entities, so that phrases can be counted in it."""
    corpus = corpus.replace("\\n", "\n").replace('\\"', '"')
    return re.sub(r'"[\w-]+"\s*:', "\n", corpus) if '":' in corpus else corpus


def _interpret(facts: Facts, outside: str) -> None:
    facts.addresses = [address for address in dict.fromkeys(
        address.rstrip(".,;:!?*`") for address in ADDRESS.findall("\n".join(facts.blocks.values()) + outside)) if "evil" not in address]
    facts.website = _website(facts)
    facts.company = _company(facts, outside)
    facts.phrases = phrases.key_phrases(ADDRESS.sub(" ", facts.corpus), without=facts.company) or ["good advice", "clear answers", "careful work"]
    facts.sentences = phrases.sentences(facts.corpus)
    facts.note = next((facts.blocks[name].strip() for name in facts.blocks if normalised(name) in NOTE), "") or facts.text(*NOTE[:-1])
    facts.title = facts.text("workingtitle", "title", "headline")
    facts.keyword = next(iter(facts.listed(*KEYWORD)), "") or facts.phrases[0]
    facts.products = [name for name in facts.listed("products", "product", "services", "service", "offers", "offer") if len(name) < 50] \
        or phrases.names(facts.corpus, without=facts.company)[:5] or facts.phrases[:4]
    people = Counter(match for match in PEOPLE.findall(facts.corpus) if not set(match.split()) & phrases.stopwords())
    facts.audiences = facts.listed("audiences", "audience", "targetaudience", "customers") or [who for who, _ in people.most_common(4)] \
        or ["local customers"]
    facts.word_count = _word_count(facts, outside)


def _website(facts: Facts) -> str:
    """The client's address, with a slash at its end: the named one, else the most frequent beginning."""
    named = next((value for name in WEBSITE for value in facts.fields.get(name, [])
                  if isinstance(value, str) and value.startswith("http")), "")
    if named:
        return f"{_root(named)}"
    roots = Counter(_root(address) for address in facts.addresses)
    return roots.most_common(1)[0][0] if roots else ""


def _root(address: str) -> str:
    """Scheme and host; and where one host carries many sites (`/site/<name>/`), the site's folder too."""
    parts = urlsplit(address)
    steps = [step for step in parts.path.split("/") if step]
    folder = f"{steps[0]}/{steps[1]}/" if len(steps) > 1 and steps[0] in ("site", "wordpress") else ""
    return f"{parts.scheme}://{parts.netloc}/{folder}"


def _company(facts: Facts, outside: str) -> str:
    named = next((value for name in COMPANY for value in facts.fields.get(name, [])
                  if isinstance(value, str) and 1 < len(value.strip()) <= 60 and not value.startswith("http")), "")
    if named:
        return named.strip().strip('"*.')
    headings = re.findall(r"^\s*(?:#\s*|title:\s*)?[^\n|]{3,90}\|\s*([A-Z][^\n|]{1,40})$", facts.corpus, re.MULTILINE)
    if headings:
        return Counter(heading.strip() for heading in headings).most_common(1)[0][0]
    spoken = re.search(r"\b(?:for|of|client|company|called|named)\s+[\"“]?([A-Z][\w&'’]+(?: [A-Z][\w&'’]+){0,3})", outside)
    if spoken:
        return spoken.group(1)
    steps = [step for step in urlsplit(facts.website).path.split("/") if step]
    if steps:
        return steps[-1].replace("-", " ").title()
    host = urlsplit(facts.website).hostname or ""
    if host and not host[0].isdigit():
        return host.removeprefix("www.").split(".")[0].replace("-", " ").title()
    return next(iter(phrases.names(facts.corpus)), "the company")


def _word_count(facts: Facts, outside: str) -> int:
    """The length asked for; of a range, its middle. 0 when none is asked for."""
    for name in WORD_COUNT:
        for value in facts.fields.get(name, []):
            digits = re.sub(r"[^\d]", "", str(value).split("-")[0])
            if digits and 100 <= int(digits) <= 5000:
                return int(digits)
    spoken = WORDS_WANTED.search(outside)
    if spoken is None:
        return 0
    low, high = (int(number.replace(",", "")) if number else 0 for number in spoken.groups())
    wanted = (low + high) // 2 if high else low
    return wanted if 100 <= wanted <= 5000 else 0
