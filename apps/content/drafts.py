"""What the checks look at in a text of this app, and how long each part of it may be."""

from functools import partial

from apps.activities.checks import Draft, Limit

from .bodies import count_words
from .limits import CHARACTERS, count_characters
from .models import BlogRequest

TITLE_LENGTH = 70
DESCRIPTION_LENGTH = (140, 160)  # what search engines show of it
WORDS_OFF, WORDS_FAR_OFF = 0.15, 0.5  # of the brief's target


def article(*, title: str, description: str, text: str, request: BlogRequest) -> Draft:
    """An article, held to its brief."""
    target = request.target_word_count
    lengths = [
        Limit("description", "characters", len, *DESCRIPTION_LENGTH),
        Limit("title", "characters", len, 1, TITLE_LENGTH, is_hard=False),
    ]
    if target:
        words = partial(Limit, "text", "words", count_words)
        lengths.append(words(int(target * (1 - WORDS_FAR_OFF)), int(target / WORDS_FAR_OFF)))
        if _is_within(count_words(text), target, WORDS_FAR_OFF):
            lengths.append(words(round(target * (1 - WORDS_OFF)), round(target * (1 + WORDS_OFF)), is_hard=False))
    return Draft({"title": title, "description": description, "text": text}, lengths)


def post(text: str, platform: str) -> Draft:
    """A social post, held to what its platform takes, counted as the platform counts."""
    limit = Limit("text", "characters", partial(count_characters, platform=platform), 1, CHARACTERS[platform])
    return Draft({"text": text}, [limit])


def _is_within(count: int, target: int, share: float) -> bool:
    """Not so far off that the hard limit speaks already."""
    return target * (1 - share) <= count <= target / share
