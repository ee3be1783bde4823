"""What a prompt says, wherever it says it: data blocks, JSON in them, `Key: value` lines, addresses, sentences."""

import calendar
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.writing import phrases

BLOCK = re.compile(r"<(data-[A-Za-z0-9_-]+)\b([^>]*)>(.*?)</\1\b[^>]*>", re.DOTALL)
DELIMITER = re.compile(r"</?(data-[A-Za-z0-9_-]+)")
CIRCUMSTANCES = re.compile(
    rf"""127\.0\.0\.1:\d+ | \b[0-7][0-9A-HJKMNP-TV-Z]{{25}}\b
    | \b\d{{4}}-\d{{2}}-\d{{2}} | \b(?:{"|".join(calendar.month_name[1:])})\s\d{{4}}\b""",
    re.VERBOSE,
)
BLOCK_NAME = re.compile(r"""name\s*=\s*["']?([^"'>\s]+)""")
LINE = re.compile(r"^[\s*#-]*\**([A-Za-z][A-Za-z _/-]{1,38}?)\**\s*:\**\s+(\S.*)$", re.MULTILINE)
ADDRESS = re.compile(r"https?://[^\s<>\"')\]},|]+")
WORDS_WANTED = re.compile(r"\b(\d[\d,]{2,5})(?:\s*(?:-|–|to)\s*(\d[\d,]{2,5}))?[\s-]*words?\b", re.IGNORECASE)
HEADING = re.compile(r"^#{2,4}\s+(.+)$", re.MULTILINE)
BULLET = re.compile(r"^\s*(?:[-*]|\d+\.)\s+(.+)$", re.MULTILINE)
HEADINGS = {
    "products": r"product|service|offer",
    "audiences": r"audience|reader|customer|patients",
    "themes": r"theme|topic",
    "facts": r"\bfacts\b",
}
GUIDANCE = re.compile(r"skill")  # blocks on how to write, which say nothing about the client
HISTORY = "session_history"  # what the agent handed in before: nothing to write from, only what not to repeat
WISH = "wish"  # what a person asked this one piece to be about
SUBJECT = re.compile(r'"(?:primary|primaryKeyword|primary_keyword)":\s*"([^"]+)"')
# Blocks that other agents wrote: good for topics, no source to quote from.
SECOND_HAND = re.compile(
    r"competitor|industry|strategy|brief|keyword|cluster|research|draft|post|article|schema|plan|goal", re.IGNORECASE
)
ORGANISATION_BLOCK = re.compile(r"company|client|tenant|profile|organi[sz]ation|customer")
LONGEST_VALUE = 300

COMPANY = (
    "companyname",
    "company",
    "businessname",
    "business",
    "clientname",
    "client",
    "tenantname",
    "tenant",
    "brandname",
    "brand",
    "organisation",
    "organization",
    "customername",
    "displayname",
)
WEBSITE = ("websiteurl", "website", "clientwebsite", "websiteaddress", "siteurl", "homepage", "domain", "site", "url")
KEYWORD = (
    "primarykeyword",
    "targetkeyword",
    "focuskeyword",
    "keyword",
    "primary",
    "topic",
    "topics",
    "subject",
    "theme",
)
NOTE = (
    "reviewernote",
    "reviewersnote",
    "reviewnote",
    "revisionnote",
    "changenote",
    "rejectionnote",
    "decisionnote",
    "feedback",
    "reviewerfeedback",
    "note",
)
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
    taken: list[str] = field(default_factory=list)  # subjects of earlier work for the same goal, in lower case

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
                    parts = re.split(r"\s*[,;\n]\s*", value.split(" | ")[0]) if len(value) < LONGEST_VALUE else []
                    found += [part.strip(" -*.") for part in parts if 2 < len(part.strip(" -*.")) <= 60]
        return list(dict.fromkeys(found))


def normalised(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def what_counts(text: str) -> str:
    """What the answer depends on: not the random part of block tags, nor ids, days and the port it happens to be."""
    for delimiter in set(DELIMITER.findall(text)):
        text = text.replace(delimiter, "data-")
    return CIRCUMSTANCES.sub("", text)


def read(system: str, prompt: str) -> Facts:
    """The system text is read only when the prompt holds no data blocks: else it speaks about data and holds none."""
    whole = prompt if BLOCK.search(prompt) else f"{system}\n{prompt}"
    blocks: dict[str, str] = {}
    earlier = ""
    for _, attributes, inner in BLOCK.findall(whole):
        name = BLOCK_NAME.search(attributes)
        key = name.group(1) if name else "data"
        if key == HISTORY:
            earlier = inner
        elif not GUIDANCE.match(key):
            blocks[key] = f"{blocks[key]}\n{inner}" if key in blocks else inner
    outside = BLOCK.sub("\n", whole)
    told = [_readable(inner) for name, inner in blocks.items() if normalised(name) not in NOTE]
    facts = Facts(corpus="\n\n".join(told) if told else prompt, blocks=blocks, taken=_taken(earlier))
    for name, inner in blocks.items():
        _collect(facts.fields, name, _parsed(inner))
    for inner in blocks.values():
        _collect_lists(facts.fields, inner)
    for text in (*blocks.values(), outside):
        for name, value in LINE.findall(text):
            facts.fields.setdefault(normalised(name), []).append(value.strip())
    _interpret(facts, outside)
    return facts


def _taken(history: str) -> list[str]:
    """Of each earlier work the subject it named first."""
    works = _parsed(history)
    if not isinstance(works, list):
        return []
    found = (SUBJECT.search(f"{work.get('begins', '')} {json.dumps(work.get('facts', {}))}") for work in works)
    return list(dict.fromkeys(subject[1].lower() for subject in found if subject))


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


def _collect_lists(fields: dict[str, list[Any]], text: str) -> None:
    """Lists below Markdown headings that name products, audiences, themes or facts, as a context file has them."""
    parts = HEADING.split(text)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        for name, pattern in HEADINGS.items():
            if re.search(pattern, heading, re.IGNORECASE):
                fields.setdefault(f"listed{name}", []).extend(bullet.strip() for bullet in BULLET.findall(body))


def _readable(text: str) -> str:
    """A block as prose: of JSON only the texts in it, one below the other."""
    parsed = _parsed(text)
    return text if isinstance(parsed, str) else "\n".join(_texts(parsed))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def _interpret(facts: Facts, outside: str) -> None:
    facts.addresses = [
        address
        for address in dict.fromkeys(
            address.rstrip(".,;:!?*`") for address in ADDRESS.findall("\n".join(facts.blocks.values()) + outside)
        )
        if "evil" not in address
    ]
    facts.website = _website(facts)
    facts.company = _company(facts, outside)
    themes = [theme.lower() for theme in facts.listed("listedthemes")]
    found = phrases.key_phrases(ADDRESS.sub(" ", facts.corpus), without=facts.company)
    facts.phrases = (list(dict.fromkeys([*themes, *found])) if len(themes) < 3 else themes) or [
        "good advice",
        "clear answers",
        "careful work",
    ]
    if wished := _wished(facts):
        facts.phrases = [wished, *(phrase for phrase in facts.phrases if phrase != wished)]
    facts.sentences = _evidence(facts)
    facts.note = next(
        (facts.blocks[name].strip() for name in facts.blocks if normalised(name) in NOTE), ""
    ) or facts.text(*NOTE[:-1])
    facts.title = facts.text("workingtitle", "articletitle", "approvedtitle")
    facts.keyword = next(iter(facts.listed(*KEYWORD)), "") or facts.phrases[0]
    offered = facts.listed("products", "product", "services", "service", "offers", "offer") or facts.listed(
        "listedproducts"
    )
    facts.products = (
        [name for name in offered if len(name) < 50]
        or phrases.names(facts.corpus, without=facts.company)[:5]
        or facts.phrases[:4]
    )
    facts.audiences = (
        facts.listed("audiences", "audience", "targetaudience")
        or [group.lower() for group in facts.listed("listedaudiences")]
        or phrases.people(facts.corpus)[:4]
        or ["local customers"]
    )
    facts.word_count = _word_count(facts, outside)


def _wished(facts: Facts) -> str:
    """The subject a person asked for: the first words of their title; '' where nobody asked."""
    wish = _parsed(facts.blocks.get(WISH, ""))
    title = wish.get("title", "") if isinstance(wish, dict) else ""
    return " ".join(re.findall(r"\w+", title)[:4])[:40]


def _evidence(facts: Facts) -> list[str]:
    """Sentences to quote as the client's own: what context file and research list, else first-hand blocks."""
    named = ("listedfacts", "rawnotes", "tonesamples")
    listed = "\n".join(value for name in named for value in facts.fields.get(name, []) if isinstance(value, str))
    own = "\n".join(
        inner
        for name, inner in facts.blocks.items()
        if not SECOND_HAND.search(name) and normalised(name) not in NOTE and isinstance(_parsed(inner), str)
    )
    found = phrases.sentences(listed) or phrases.sentences(own if facts.blocks else facts.corpus)
    return [sentence for sentence in found if not sentence.startswith((f"{facts.company},", f"{facts.company} serves"))]


def _website(facts: Facts) -> str:
    """The client's address, with a slash at its end: the named one, else the most frequent beginning."""
    named = next(
        (
            value
            for name in WEBSITE
            for value in facts.fields.get(name, [])
            if isinstance(value, str) and value.startswith("http")
        ),
        "",
    )
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
    named = next(
        (
            value
            for name in COMPANY
            for value in facts.fields.get(name, [])
            if isinstance(value, str) and 1 < len(value.strip()) <= 60 and not value.startswith("http")
        ),
        "",
    )
    if named:
        return named.strip().strip('"*.')
    headings = re.findall(r"^\s*(?:#\s*|title:\s*)?[^\n|]{3,90}\|\s*([A-Z][^\n|]{1,40})$", facts.corpus, re.MULTILINE)
    if headings:
        return Counter(heading.strip() for heading in headings).most_common(1)[0][0]
    spoken = re.search(
        r"\b(?:for|of|client|company|called|named)\s+[\"“]?([A-Z][\w&'’]+(?: [A-Z][\w&'’]+){0,3})", outside
    )
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
