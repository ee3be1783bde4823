"""What each check finds in a text, and what it leaves alone."""

import pytest

from apps.activities import checks
from apps.activities.checks import BrandRules, Draft, Ground, Level, Limit, LinkState
from apps.content import drafts
from apps.content.models import BlogRequest

SITE = "https://www.shop.example/"
PROSE = "You make the tea and you take it to the table. " * 12


def found(text: str, *, rules: BrandRules | None = None, material: str = "", tried=None, **draft) -> list:
    ground = Ground(rules=rules or BrandRules(), website=SITE, material=material, tried=tried or {})
    return checks.run(Draft({"text": text}, **draft), ground)


def codes(text: str, **how) -> list[str]:
    return [finding.code for finding in found(text, **how)]


def test_plain_text_passes_every_check():
    assert found(f"## Tea\n\n{PROSE}\n\nSee [our teas](/teas) or write to <mailto:hello@shop.example>.") == []


def test_a_finding_says_how_grave_it_is_what_is_wrong_and_where():
    (finding,) = found("## Tea\n\nFirst line.\n\nThis is cheap tea.", rules=BrandRules(banned=("Cheap",)))

    assert (finding.level, finding.code, finding.part, finding.line) == ("fail", "banned_word", "text", 5)
    assert finding.sentence == "The client's brand rules ban “Cheap”."
    assert finding.quote == "This is cheap tea."


def test_what_fails_comes_first():
    levels = [f.level for f in found("Guaranteed. [a](https://elsewhere.example/) <b>\n\n{{name}}", tried={})]

    assert levels == sorted(levels, key=list(Level).index)
    assert levels[0] == "fail"


# ---- length


@pytest.mark.parametrize(
    ("length", "expected"), [(139, ["outside_limits"]), (140, []), (160, []), (161, ["outside_limits"])]
)
def test_a_hard_limit_fails_outside_its_ends(length, expected):
    limit = Limit("text", "characters", len, 140, 160)

    assert codes("a" * length, limits=[limit]) == expected


def test_a_length_off_the_brief_is_for_the_person():
    (finding,) = found("one two", limits=[Limit("text", "words", lambda text: len(text.split()), 5, 9, is_hard=False)])

    assert (finding.code, finding.level) == ("off_the_brief", "warn")
    assert finding.sentence == "The text has 2 words; the brief asks for 5 to 9."


@pytest.mark.parametrize(
    ("words", "expected"),
    [(400, "outside_limits"), (500, "off_the_brief"), (849, "off_the_brief"), (850, ""), (1150, ""), (1151, "off_the_brief"), (2001, "outside_limits")],
)  # fmt: skip
def test_an_article_is_held_to_the_words_of_its_brief(words, expected):
    draft = drafts.article(
        title="Tea", description="d" * 150, text="tea " * words, request=BlogRequest(target_word_count=1000)
    )

    assert [f.code for f in checks.run(draft, Ground()) if f.part == "text"] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("platform", "most"), [("x_twitter", 280), ("instagram", 2200), ("google_business_profile", 1500)]
)
def test_a_post_is_held_to_what_its_platform_counts(platform, most):
    assert [f.code for f in checks.run(drafts.post("a" * most, platform), Ground())] == []
    assert [f.code for f in checks.run(drafts.post("a" * (most + 1), platform), Ground())] == ["outside_limits"]


# ---- the client's words


@pytest.mark.parametrize(
    "text",
    [
        "CHEAP tea",
        "tea, cheap.",
        "so **cheap**",
        "so ch\u200beap",
        "ｃｈｅａｐ tea",
        "| a |\n|---|\n| cheap |",
        "[cheap](/x)",
    ],
)
def test_a_banned_word_is_found_however_it_is_written(text):
    assert "banned_word" in codes(text, rules=BrandRules(banned=("cheap",)))


@pytest.mark.parametrize("text", ["cheaper", "uncheap", "ch eap"])
def test_other_words_are_not_banned_with_it(text):
    assert codes(text, rules=BrandRules(banned=("cheap",))) == []


def test_a_banned_phrase_is_words_and_no_pattern():
    rules = BrandRules(banned=("no brainer", "(.*)+$", "c++"))

    assert codes("a no\nbrainer", rules=rules) == ["banned_word"]
    assert codes("anything at all", rules=rules) == []
    assert codes("about C++ here", rules=rules) == ["banned_word"]


def test_what_the_brand_requires_is_missed_once():
    rules = BrandRules(required=("Drink responsibly.",))

    assert codes("Tea. drink\nresponsibly. Now.", rules=rules) == []
    assert codes("Tea.", rules=rules) == ["required_missing"]


def test_rules_are_read_from_front_matter():
    rules = checks.rules_of(
        {"banned": ["cheap", " no  brainer ", "", 7, "x" * 201, "cheap"], "required": "Sip slowly.", "reading_ease": 60}
    )

    assert rules == BrandRules(("cheap", "no brainer"), ("Sip slowly.",), 60)


@pytest.mark.parametrize(
    "odd",
    [{}, {"banned": None, "required": {"a": 1}, "reading_ease": "soft"}, {"reading_ease": 101}, {"reading_ease": [5]}],
)
def test_front_matter_of_another_shape_holds_no_rules(odd):
    assert checks.rules_of(odd) == BrandRules()


def test_rules_are_read_from_their_section_of_the_context_file_and_from_no_other():
    file = (
        "# Shop\n\n- banned: above\n\n## Brand Rules\n\nWe mean it.\n- banned: cheap\n* banned: no brainer, ever\n"
        "- required: Sip slowly.\n- reading_ease: 55\n- other: x\n\n### Why\n\n- banned: below\n"
    )

    assert checks.rules_in(file) == BrandRules(("cheap", "no brainer, ever"), ("Sip slowly.",), 55)
    assert checks.rules_in("## Voice\n\n- banned: cheap") == BrandRules()


def test_both_places_count():
    both = checks.united(BrandRules(("a",), ("b",), 40), BrandRules(("a", "c"), (), 60))

    assert both == BrandRules(("a", "c"), ("b",), 40)


# ---- links


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<b>x</b>", "vbscript:x", "file:///etc/passwd",
        "ftp://files.example/x", "http://127.0.0.1/", "http://localhost/", "http://10.1.2.3/x", "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://intranet/", "http://printer.local/", "https://user:pw@shop.example/",
        "https://good.example:8443/", "http://[64:ff9b::a00:1]/", "blob:https://shop.example/x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["[here](<{}>)", "![here](<{}>)", "[here][1]\n\n[1]: <{}>"])
def test_a_link_that_must_not_go_out_fails(address, form):
    assert "link_forbidden" in codes(form.format(address))


@pytest.mark.parametrize(
    "text", ["<javascript:alert(1)>", "Copy javascript:alert(1) into the bar", "http://10.0.0.1/x"]
)
def test_an_address_that_only_stands_there_is_one_too(text):
    assert "link_forbidden" in codes(text)


@pytest.mark.parametrize(
    "address",
    [
        "/teas",
        "#top",
        "teas/green",
        "https://www.shop.example/teas",
        "http://blog.shop.example/",
        "mailto:a@shop.example",
        "tel:+911234",
    ],
)
def test_links_of_the_clients_own_pass(address):
    assert codes(f"[here]({address})") == []


@pytest.mark.parametrize("material", ["See https://guide.example/teas.", "(https://guide.example/teas)\nmore"])
def test_a_link_away_that_a_person_approved_is_only_mentioned(material):
    assert codes("[here](https://guide.example/teas)", material=material) == ["link_away"]


@pytest.mark.parametrize(
    "material", ["", "https://guide.example/teas/other", "https://guide.example/teas?x=1", "https://guide.example"]
)
def test_a_link_away_that_nobody_approved_is_for_the_person_to_open(material):
    assert codes("[here](https://guide.example/teas)", material=material) == ["link_unknown"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [(LinkState.WORKS, []), (LinkState.DEAD, ["link_dead"]), (LinkState.UNCLEAR, ["link_untried"])],
)
def test_a_link_says_what_became_of_opening_it(state, expected):
    assert codes("[here](/teas)", tried={f"{SITE}teas": state}) == expected


def test_only_the_clients_own_pages_and_approved_addresses_are_opened():
    text = "[a](/teas) [b](https://guide.example/x) [c](https://evil.example/?stolen=secret) [d](/find?q=secret) [e](http://10.0.0.1/)"
    draft, ground = Draft({"text": text}), Ground(website=SITE, material="https://guide.example/x")

    assert checks.links_to_try(draft, ground, own_only=False) == [f"{SITE}teas", "https://guide.example/x"]
    assert checks.links_to_try(draft, ground, own_only=True) == [f"{SITE}teas"]


def test_a_host_that_only_looks_like_the_clients_is_not_its_own():
    ground = Ground(website=SITE)

    assert ground.is_own("https://shop.example/") and ground.is_own("https://a.shop.example/")
    assert not any(
        map(
            ground.is_own,
            ["https://notshop.example/", "https://shop.example.evil.test/", "https://shop.example@evil.test/"],
        )
    )
    assert not Ground().is_own("https://shop.example/")


def test_of_a_website_that_is_a_part_of_its_host_the_rest_is_not_the_clients():
    ground = Ground(website="https://builder.example/view/shop/")

    assert all(map(ground.is_own, ["https://builder.example/view/shop", "https://www.builder.example/view/shop/teas"]))
    assert not any(
        map(
            ground.is_own,
            [
                "https://builder.example/",
                "https://builder.example/view/shopper",
                "https://builder.example/view/shop/../evil",
                "https://builder.example/view/shop/%2e%2e/evil",
                "https://evil.builder.example/view/shop/",
            ],
        )
    )


# ---- what a reader would stumble over


@pytest.mark.parametrize(
    "text", ["Tea <b>now</b>", "<script>alert(1)</script>", "a <!-- hidden --> b", "<img src=x onerror=alert(1)>"]
)
def test_html_in_the_text_fails(text):
    assert "typed_html" in codes(text)


@pytest.mark.parametrize(
    "text", ["`<b>` is code", "```\n<script>\n```", "a < b > c", "I <3 tea", "<https://shop.example/x>"]
)
def test_what_is_no_html_passes(text):
    assert codes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Dear {{name}}",
        "{% if a %}",
        "[Your company] says",
        "[insert date]",
        "Lorem ipsum dolor",
        "TODO: more",
        "As an AI language model, I",
    ],
)
def test_what_is_unfinished_fails(text):
    assert codes(text) == ["placeholder"]


@pytest.mark.parametrize("character", ["\u200b", "\u202e", "\u2066", "\ufeff", "\U000e0041", "\u00ad"])
def test_characters_nobody_sees_fail(character):
    assert "hidden_characters" in codes(f"te{character}a")


@pytest.mark.parametrize("text", ["नमस्\u200dते", "👩\u200d🍳", "می\u200cخواهم"])
def test_joiners_that_scripts_and_emoji_need_are_not_hidden(text):
    assert codes(text) == []


# ---- claims


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("We are No. 1 for tea.", "superlative"), ("It is the #1 shop.", "superlative"), ("The best tea in Pune.", "superlative"),
        ("India's largest roaster.", "superlative"), ("A world-class blend.", "superlative"), ("Our most trusted blend.", "superlative"),
        ("Freshness guaranteed.", "guarantee"), ("A risk-free trial.", "guarantee"),
        ("It saves 30 % of the cost.", "figure"), ("Sold by 12.5 per cent more.", "figure"), ("It works three times faster.", "figure"),
        ("Green tea cures colds.", "medical_claim"), ("It prevents cancer.", "medical_claim"), ("Clinically proven tea.", "medical_claim"),
        ("Double your money here: doubles your money.", "financial_claim"), ("Enjoy assured returns.", "financial_claim"),
    ],
)  # fmt: skip
def test_a_claim_without_a_source_is_for_the_person(text, code):
    assert [(f.code, f.level) for f in found(text)] == [(code, "warn")]


@pytest.mark.parametrize(
    "text",
    [
        "According to the Tea Board, it is the largest grower here.", "It saves 30 % [says the board](https://board.example/study).",
        "Sales grew by 30 % (source: Tea Board).", "There is no guarantee.", "This is not the best choice.", "We cannot guarantee it.",
        "The best way to brew is slowly.", "The best time is now.", "Use 2 bags and 3 cups.", "Secure the lid.", "Treat yourself.",
    ],
)  # fmt: skip
def test_what_has_a_source_or_claims_nothing_passes(text):
    assert [code for code in codes(text, material="https://board.example/study") if code != "link_away"] == []


def test_a_link_to_the_clients_own_page_proves_nothing():
    assert codes("It saves 30 %, [we say](/teas).") == ["figure"]


def test_a_figure_that_a_person_approved_may_be_used():
    assert codes("It saves 30 % of the cost.", material="We save 30 % on average.") == []
    assert codes("It saves 31 % of the cost.", material="We save 30 % on average.") == ["figure"]


# ---- reading


HARD = "Organisational interdependencies notwithstanding, operationalisation necessitates comprehensive characterisation of the institutional considerations and the methodological implications. "


def test_hard_reading_is_for_the_person_and_the_brand_says_how_hard():
    assert codes(PROSE) == []
    assert codes(HARD * 12) == ["hard_to_read"]
    assert codes(PROSE, rules=BrandRules(reading_ease=100)) == []
    assert codes(
        "The summer menu is ready for every table in the garden today. " * 12, rules=BrandRules(reading_ease=95)
    ) == ["hard_to_read"]


@pytest.mark.parametrize(
    "text",
    [
        HARD,
        "Organisationsentwicklungsmaßnahmen erfordern Verantwortungsbewusstsein überall. " * 40,
        "चाय बनाइए और मेज़ पर रखिए। " * 40,
    ],
)
def test_little_text_and_other_languages_are_not_judged(text):
    assert codes(text) == []


def test_the_score_is_fleschs():
    """119 syllables in 103 words and 9 sentences would give 97.5; ours is an estimate of syllables."""
    score = checks.reading_ease(["The cat sat on the mat and the dog ran to the big red barn in the sun. " * 6])

    assert score is not None and 85 < score < 105


# ---- bounds


def test_what_the_public_never_reads_is_held_to_safety_only():
    text = "The best tea, guaranteed, {{name}} <b> 30 % [x](https://new.example/)"

    assert codes(text, is_public=False) == []
    assert codes("[x](javascript:y) te\u200ba", is_public=False) == ["hidden_characters", "link_forbidden"]


def test_one_fault_a_hundred_times_is_told_a_few_times():
    assert codes("We promise 7 %.\n\n" * 100) == ["figure"] * checks.MOST_OF_A_KIND


@pytest.mark.parametrize(
    "text",
    [
        "a" * 60_000, "<a" * 30_000, "[" * 60_000, "{{" * 30_000, "no " * 20_000, "1" * 60_000 + "%", "> " * 3_000 + "x", "*a " * 20_000,
        "x's " * 15_000, "http://a" * 8_000, "the best " * 6_000, "[a](" * 15_000, "\u200b" * 60_000, "a." * 30_000,
    ],
    ids=lambda text: repr(text[:8]),
)  # fmt: skip
def test_hostile_text_comes_to_an_end(text):
    """A square of its length would take hours."""
    rules = BrandRules(banned=tuple(f"word {n}" for n in range(200)), required=("never",))

    assert isinstance(found(text, rules=rules, material="word " * 8_000), list)


def test_braces_of_a_text_are_no_format():
    (finding,) = found("{0.x} is cheap", rules=BrandRules(banned=("{0.x}",)))

    assert finding.sentence == "The client's brand rules ban “{0.x}”."
