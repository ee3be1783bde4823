"""Channels in Manage: WordPress sites added, corrected, tested and disconnected; secrets go in and never come out."""

import pytest

from apps.channels.models import Channel, PublishAttempt
from apps.shared.models import JournalEntry
from tests.world import WORDPRESS_PASSWORD

ADD = "/manage/channels/channel/add/"
PASSWORD = "Zq7 wXy2 mNp4 kLr9"


@pytest.fixture
def site(sandbox) -> dict[str, str]:
    return {
        "client": "acme-created",
        "name": "Company blog",
        "site_url": f"{sandbox.url}/wordpress/acme",
        "username": "editor",
        "application_password": WORDPRESS_PASSWORD,
        "publish_as": "draft",
    }


def address(channel: Channel, task: str = "") -> str:
    return f"/manage/channels/channel/{channel.ref_id}/{task}"


@pytest.fixture
def channel(sam, site, everything) -> Channel:
    sam.post(ADD, site)
    return Channel.objects.select_related("tenant").get(tenant__slug="acme-created")


def test_a_site_is_added_with_its_password_sealed(sam, site, everything, journal):
    response = sam.post(ADD, {**site, "application_password": PASSWORD})

    channel = Channel.objects.get(tenant__slug="acme-created")
    assert response.headers["Location"] == address(channel)
    assert (channel.name, channel.platform, channel.metadata) == (
        "Company blog",
        "wordpress",
        {"username": "editor", "publish_as": "draft"},
    )
    assert channel.access_token.open() == PASSWORD
    assert journal() == ["channel.added"]


@pytest.mark.acceptance("SEC-decrypt")
def test_a_stored_password_is_on_no_page_and_in_no_entry(sam, site, everything):
    sam.post(ADD, {**site, "application_password": PASSWORD})
    channel = Channel.objects.get(tenant__slug="acme-created")
    sam.post(address(channel, "edit/"), {**form_of(sam, channel), "name": "Blog", "application_password": PASSWORD})
    pages = [
        sam.get(page)
        for page in (
            address(channel),
            address(channel, "edit/"),
            "/manage/channels/channel/",
            "/manage/shared/journalentry/",
        )
    ]
    refused = sam.post(ADD, {**site, "application_password": PASSWORD, "site_url": "ftp://x"})

    for page in [*pages, refused]:
        assert PASSWORD not in page.text
        assert channel.access_token.token not in page.text
    assert "Set</dd>" in pages[0].text
    assert all(
        PASSWORD not in str((e.before, e.after)) for e in JournalEntry.objects.filter(code__startswith="channel.")
    )


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("client", "nobody", "There is no such client."),
        ("client", "", "This field is required."),
        ("site_url", "http://10.0.0.1/", "10.0.0.1 is not an address on the public internet."),
        ("site_url", "https://user:pass@example.com/", "An address must not contain a user name or password."),
        ("site_url", "harbour", "Only addresses that start with http:// or https:// can be called."),
        ("application_password", "", "This field is required."),
        ("publish_as", "live", "Select a valid choice. live is not one of the available choices."),
    ],
)
def test_a_site_that_cannot_be_used_is_not_stored(sam, site, everything, journal, field, value, error):
    response = sam.post(ADD, {**site, field: value})

    assert response.status_code == 422
    assert response.context["form"].errors[field] == [error]
    assert not Channel.objects.filter(tenant__slug="acme-created").exists()
    assert journal() == []


def test_the_same_site_is_not_added_twice(sam, site, channel, journal):
    response = sam.post(ADD, site)

    assert response.status_code == 400
    assert response.context["form"].errors["site_url"] == ["This site is connected with this user already."]
    assert (Channel.objects.filter(tenant=channel.tenant).count(), journal()) == (1, [])


def test_a_test_that_succeeds_says_as_whom(sam, channel, journal):
    response = sam.post(address(channel, "test/"))

    channel.refresh_from_db()
    assert response.headers["Location"] == address(channel)
    assert "Company blog: Connected to" in sam.get(address(channel)).text
    assert (channel.status, channel.last_verified_at is not None, channel.error_message) == ("connected", True, "")


def test_a_test_that_fails_names_the_cause_and_the_next_step(sam, site, everything, journal):
    sam.post(ADD, {**site, "application_password": PASSWORD})
    channel = Channel.objects.get(tenant__slug="acme-created")

    sam.post(address(channel, "test/"))

    channel.refresh_from_db()
    shown = sam.get(address(channel)).text
    assert channel.status == "error"
    assert "The user name or the application password is wrong." in shown
    assert "Make a new application password in WordPress" in shown
    assert journal() == ["channel.added", "channel.failed"]


def form_of(sam, channel: Channel) -> dict[str, str]:
    return {field.name: field.value() or "" for field in sam.get(address(channel, "edit/")).context["form"]}


def test_an_empty_password_keeps_the_stored_one(sam, channel, journal):
    sam.post(address(channel, "edit/"), {**form_of(sam, channel), "name": "Blog", "publish_as": "publish"})

    channel.refresh_from_db()
    assert (channel.name, channel.metadata["publish_as"]) == ("Blog", "publish")
    assert channel.access_token.open() == WORDPRESS_PASSWORD
    assert journal() == ["channel.edited"]


def test_an_edit_does_not_take_another_channels_place(sam, site, channel, journal):
    sam.post(ADD, {**site, "username": "author"})
    second = Channel.objects.get(tenant=channel.tenant, metadata__username="author")

    response = sam.post(address(second, "edit/"), {**form_of(sam, second), "username": "editor"})

    second.refresh_from_db()
    assert response.status_code == 400
    assert second.metadata["username"] == "author"
    assert journal() == ["channel.added"]


def test_a_disconnected_channel_has_forgotten_its_password(sam, channel, journal):
    sam.post(address(channel, "disconnect/"))

    channel.refresh_from_db()
    assert (channel.status, channel.access_token, journal()) == ("revoked", None, ["channel.disconnected"])
    assert [task.name for task, _ in sam.get(address(channel)).context["tasks"]] == ["edit"]


def test_several_channels_are_tested_from_the_list(sam, site, channel, journal):
    sam.post(ADD, {**site, "username": "author", "application_password": PASSWORD})
    both = list(Channel.objects.filter(tenant=channel.tenant).order_by("ref_id"))

    sam.post(
        "/manage/channels/channel/", {"action": "test", "index": "0", "_selected_action": [c.ref_id for c in both]}
    )

    assert [Channel.objects.get(pk=c.pk).status for c in both] == ["connected", "error"]


def test_attempts_are_only_read(sam, world, everything):
    attempt = PublishAttempt.objects.filter(tenant=world.tenant("live")).first()

    response = sam.get(f"/manage/channels/publishattempt/{attempt.ref_id}/")

    assert response.context["tasks"] == []
    assert attempt.marker in response.text
