"""What is looked at before a person looks: deterministic checks of a text. Pure: no database, no clock, no network.

Each check is one function and one row of CHECKS. What fails is told to the model, which may try again; all else goes
to the person who decides, with the place it was found at.

A client's own rules stand in the front matter of its skill `brand-voice`, and in its context file under the heading
`Brand rules`, one to a line; both count.

    banned: [cheap, "no brainer"]        - banned: cheap
    required: ["Drink responsibly."]     - required: Drink responsibly.
    reading_ease: 50                     - reading_ease: 50

`banned` are words or phrases that must not occur, in any case; `required` must occur, each at least once;
`reading_ease` is the lowest Flesch score of English text (100 is a comic strip, 30 a scientific paper).
"""

from .brand import MOST_RULES, RULE_LENGTH, rules_in, rules_of, united
from .drafts import BrandRules, Draft, Ground, Limit, LinkState, every_text, internal_text
from .form import reading_ease
from .links import links_to_try
from .table import CHECKS, MOST_OF_A_KIND, Finding, Level, as_json, failures, run

__all__ = [
    "BrandRules",
    "CHECKS",
    "Draft",
    "Finding",
    "Ground",
    "Level",
    "Limit",
    "LinkState",
    "MOST_OF_A_KIND",
    "MOST_RULES",
    "RULE_LENGTH",
    "as_json",
    "every_text",
    "failures",
    "internal_text",
    "links_to_try",
    "reading_ease",
    "rules_in",
    "rules_of",
    "run",
    "united",
]
