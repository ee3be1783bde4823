"""How long the parts of an ad may be, and how its platform counts.

Google  https://support.google.com/google-ads/answer/7684791 (responsive search ads) and
        https://support.google.com/google-ads/answer/1704389 (characters of double width count twice)
Meta    https://www.facebook.com/business/ads-guide/update/image/facebook-feed: what is shown before it is cut
"""

import unicodedata

GOOGLE_HEADLINE, GOOGLE_DESCRIPTION, GOOGLE_PATH = 30, 90, 15
META_PRIMARY_TEXT, META_HEADLINE, META_DESCRIPTION = 125, 40, 30


def google_length(text: str) -> int:
    """Characters as Google Ads counts them: those of East Asian scripts twice."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
