"""Hostile text becomes harmless HTML, and differences lose nothing."""

import re
from html import unescape

import pytest

from apps.portals import markup
from apps.portals.templatetags import kit
from tests.portals.elements import Elements, attributes_of


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<ScRiPt src=//outside.example/x.js>",
        "<img src=x onerror=alert(1)>",
        "<iframe src='https://outside.example'></iframe>",
        "<svg onload=alert(1)>",
        "<style>@import 'https://outside.example'</style>",
        "<a href='javascript:alert(1)'>x</a>",
        "<form action=https://outside.example><input name=a></form>",
        "<!-- --><math><mi xlink:href='data:x'></math>",
        "<div style='background:url(https://outside.example)'>",
        "`<b>` <plaintext>",
    ],
)
def test_markup_in_markdown_appears_as_typed(text):
    html = markup.to_html(f"before {text} after\n\n{text}\n\n- {text}\n\n| a |\n|---|\n| {text} |")

    assert {tag for tag, _ in Elements(html).found} <= {
        "p",
        "ul",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
    }
    assert all(set(attributes) <= {"class"} for _, attributes in Elements(html).found)


@pytest.mark.parametrize("depth", [900, 100_000])
def test_an_answer_nested_beyond_reason_breaks_no_page(depth):
    text = '{"a": ' + "[" * depth + "]" * depth + "}"

    assert kit.answer(text)
    assert set(kit.fields(text)) <= {"a"}
    assert "before" in kit.difference(text, "before")


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "&#106;avascript:alert(1)",
        "java&#10;script:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "vbscript:x",
        "file:///etc/passwd",
        "/admin/logout",
        "//outside.example/x",
        "https:outside.example",
        "https:///outside.example",
        "https://good.example\\@outside.example/",
        "https://good.example@outside.example/",
        "ftp://outside.example/",
    ],
)
def test_a_link_to_anywhere_but_the_plain_web_or_mail_becomes_its_text(target):
    html = markup.to_html(f"[read this]({target}) and [again](<{target}>)")

    assert attributes_of(html, "a") == []
    assert "read this" in html


def test_a_link_names_its_host_and_is_followed_by_nobody():
    html = markup.to_html("[the shelf](https://shop.example.com/a?b=1&c=2)")

    assert attributes_of(html, "a") == [
        {"href": "https://shop.example.com/a?b=1&c=2", "rel": "noopener noreferrer nofollow ugc"}
    ]
    assert '</a><span class="link-host"> (shop.example.com)</span>' in html


def test_look_alike_letters_in_a_host_show():
    html = markup.to_html("[your bank](https://аррӏе.example/)")

    assert "(xn--" in html


def test_an_address_written_out_is_not_named_twice():
    html = markup.to_html("<https://shop.example.com/a>")

    assert "link-host" not in html
    assert attributes_of(html, "a")[0]["href"] == "https://shop.example.com/a"


def test_mail_links_stay():
    assert (
        attributes_of(markup.to_html("[write](mailto:meera@example.com)"), "a")[0]["href"] == "mailto:meera@example.com"
    )


@pytest.mark.parametrize(
    "source", ["https://outside.example/?q=secret", "//outside.example/x.png", "data:image/png;base64,AA", "x.png"]
)
def test_a_picture_is_never_loaded(source):
    html = markup.to_html(f"![a shelf]({source})\n\n[![inside a link]({source})](https://example.com)")

    assert attributes_of(html, "img") == []
    assert "Picture: a shelf" in html
    assert "Picture: inside a link" in html


def test_a_picture_note_names_the_host():
    assert "(outside.example)" in markup.to_html("![x](https://outside.example/?q=1)")


@pytest.mark.parametrize("text", ["{{7*7}}", "{% debug %}", "${7*7}", "<%= 7*7 %>"])
def test_template_syntax_is_printed_as_typed(text):
    assert unescape(markup.to_html(text)).strip() == f"<p>{text}</p>"


def test_numbers_in_markdown_tables_stand_to_the_right_without_a_style():
    html = markup.to_html("| shop | sold |\n|:--|--:|\n| one | 46 |")

    assert '<td class="numeric">46</td>' in html
    assert "style=" not in html


@pytest.mark.parametrize(
    "bomb",
    [
        "[" * 20_000,
        ">" * 5_000 + "x",
        "*a " * 20_000,
        "![" * 10_000,
        "- " * 2_000,
        "`" * 20_001,
        "| a " * 5_000 + "\n" + "|-" * 5_000,
    ],
)
def test_a_parser_bomb_ends(bomb):
    assert isinstance(markup.to_html(bomb), str)


def test_an_excerpt_is_one_line_of_words():
    text = "# Title\n\nSome **bold** [link](https://example.com) and\nmore `code`.\n\n![pic](https://x.example/a.png)"

    assert markup.plain_excerpt(text) == "Title Some bold link and more code. pic"
    assert markup.plain_excerpt(text, 20) == "Title Some bold…"


def test_a_difference_marks_whole_words():
    assert markup.difference_html("a third of them", "a quarter of them") == (
        "a <del>third</del><ins>quarter</ins> of them"
    )


def test_a_difference_escapes_both_texts():
    html = markup.difference_html("<b>old</b> & <script>", "<i>new</i> & <script>")

    assert {tag for tag, _ in Elements(html).found} == {"ins", "del"}
    assert "&amp;" in html


@pytest.mark.parametrize("text", ["", "same", "日本語 नमस्ते 🙂 e\u0301", "a\r\nb\t c\n\n"])
def test_equal_texts_have_no_difference(text):
    html = markup.difference_html(text, text)

    assert Elements(html).found == []


def test_both_texts_can_be_read_back_from_a_difference():
    old, new = "One two, three.\nFour 🙂 five", "One 2, three!\n\nFour five six"
    html = markup.difference_html(old, new)

    assert re.sub(r"<ins>.*?</ins>|</?del>", "", html, flags=re.S) == old
    assert re.sub(r"<del>.*?</del>|</?ins>", "", html, flags=re.S) == new


def test_a_difference_of_long_strange_texts_comes_in_time():
    words = " ".join(str(number) for number in range(60_000))

    assert "<ins>" in markup.difference_html(words, words[::-1])


def test_an_answer_in_json_reads_as_headings_words_and_lists():
    html = markup.to_html(
        markup.answer_markdown(
            '{"headline": "Fresh beans", "isSeasonal": true, "sections": [{"title": "Why", "body": "One.\\n\\nTwo."}],'
            ' "hashtags": ["#coffee", "#office"], "nothing": [], "priceUsd": 3.5, "byline": null}'
        )
    )

    assert "<li><strong>Headline:</strong> Fresh beans</li>" in html
    assert "<strong>Is seasonal:</strong> yes" in html and "<strong>Price usd:</strong> 3.5" in html
    assert "<strong>Byline:</strong> —" in html
    assert "<h3>Sections</h3>" in html and "<h4>1.</h4>" in html and "<p>Two.</p>" in html
    assert "<li>#coffee</li>" in html
    assert "Nothing" not in html


@pytest.mark.parametrize("text", ["# Plain Markdown", "{broken", "42", '"word"', ""])
def test_an_answer_that_is_no_json_object_stays_as_it_is(text):
    assert markup.answer_markdown(text) == text


def test_markup_inside_an_answer_appears_as_typed():
    html = markup.to_html(
        markup.answer_markdown('{"<b>k</b>": "<script>alert(1)</script>\\n[x](javascript:alert(1))"}')
    )

    assert "<script" not in html and "<b>" not in html and attributes_of(html, "a") == []
