r"""How long a social post may be, and how its platform counts.

LinkedIn   https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api
Facebook   https://developers.facebook.com/docs/pages-api/posts
Instagram  https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media
X          https://docs.x.com/resources/fundamentals/counting-characters, with the ranges of
           https://github.com/twitter/twitter-text/blob/master/config/v3.json
TikTok     https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
Google     https://support.google.com/business/answer/7342169

LinkedIn and Facebook publish no figure; theirs is what their own composer takes.
"""

import re
import unicodedata

from apps.channels.statuses import Platform

CHARACTERS = {
    Platform.LINKEDIN: 3_000,
    Platform.FACEBOOK: 63_206,
    Platform.INSTAGRAM: 2_200,
    Platform.X_TWITTER: 280,
    Platform.TIKTOK: 2_200,
    Platform.GOOGLE_BUSINESS_PROFILE: 1_500,
}

# X: a link weighs 23 and an emoji 2, however long they are; any other character weighs 1 in these ranges, 2 elsewhere.
LINK_WEIGHT, EMOJI_WEIGHT = 23, 2
LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
# X knows all top-level domains. Of a bare host this is sure with two letters and with these.
USUAL_ENDINGS = {"com", "org", "net", "edu", "gov", "info", "biz", "app", "dev", "shop", "store", "online"}

PICTURE = r"[\u203c-\u3299\U0001f000-\U0001faff]"
STYLE = r"[\ufe0f\U0001f3fb-\U0001f3ff]?"  # drawn in colour, or in a skin tone
WEIGHED = re.compile(
    rf"""
    (?P<link>
      (?<![a-z0-9@＠$#＃])                                  # no part of a word, a mention, a hashtag, an e-mail address
      (?: https?://(?:[^\s!-,./:-@\[-^`{{-~]++\.)+ (?:[a-z]{{2,}}+ | xn--[a-z0-9-]+ | [^\x00-\x7f\s]{{2,}}+)
        | (?<![-_./]) (?:[a-z0-9][a-z0-9_-]*+\.)+ (?P<bare_ending>[a-z]{{2,}}+) )
      (?![a-z0-9@+-]) (?: :[0-9]+ )?
      (?: [/?] (?: [!#-;=?-\[\]_a-z|~À-ɏЀ-ӿ]* [a-z0-9_/\#=&+À-ɏЀ-ӿ-] )? )?   # what punctuates the sentence is left out
    )
    | [\U0001f1e6-\U0001f1ff]{{2}}                          # a flag
    | [0-9\#*]\ufe0f?\u20e3                                 # a key cap
    | [\u00a9\u00ae]\ufe0f
    | {PICTURE}{STYLE}[\U000e0020-\U000e007f]*(?:\u200d{PICTURE}{STYLE})*
    """,
    re.VERBOSE | re.IGNORECASE,
)


def limit_of(platform: str) -> int:
    """The most characters a post may have there. Raises KeyError for a platform that takes no posts."""
    return CHARACTERS[Platform(platform)]


def count_characters(text: str, platform: str) -> int:
    """The length of the text as its platform counts; never fewer.

    TikTok counts UTF-16 code units, X by weights. The others do not say what they count, so theirs are UTF-16 code units
    too: neither code points nor what readers see as one character are ever more.
    """
    if platform == Platform.X_TWITTER:
        return _weight(unicodedata.normalize("NFC", text))
    return sum(2 if character > "\uffff" else 1 for character in text)


def _weight(text: str) -> int:
    weight = done = 0
    for found in WEIGHED.finditer(text):
        weight += _plain(text[done : found.start()]) + _special(found)
        done = found.end()
    return weight + _plain(text[done:])


def _special(found: re.Match) -> int:
    if found["link"] is None:
        return EMOJI_WEIGHT
    ending = found["bare_ending"]
    if ending is None or len(ending) == 2 or ending.lower() in USUAL_ENDINGS:
        return LINK_WEIGHT
    return max(LINK_WEIGHT, _plain(found[0]))  # a link or not: whichever is more


def _plain(text: str) -> int:
    return sum(1 if any(low <= ord(character) <= high for low, high in LIGHT) else 2 for character in text)
