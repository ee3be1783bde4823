import pytest

API = "/wordpress/harbour/wp-json"
POSTS = f"{API}/wp/v2/posts"


@pytest.fixture
def publish(call):
    def publish(**fields):
        return call(
            "POST",
            POSTS,
            {"title": "Fresh beans", "content": "<p>Roasted today.</p>", "status": "publish", **fields},
            user="editor",
        )

    return publish


def test_a_post_has_the_fields_of_the_reference(call, publish, example, has_shape_of):
    created = publish()
    shown = call("GET", f"{POSTS}/{created.value['id']}")

    assert (created.status, shown.status) == (201, 200)
    has_shape_of(shown.value, example("wordpress_post"))
    assert "raw" not in shown.value["title"]
    assert created.value["title"] == {"raw": "Fresh beans", "rendered": "Fresh beans"}
    assert {"password", "permalink_template", "generated_slug"} <= set(created.value)


def test_categories_and_users_have_the_fields_of_the_reference(call, example, has_shape_of):
    has_shape_of(call("GET", f"{API}/wp/v2/categories").value[0], example("wordpress_category"))
    has_shape_of(call("GET", f"{API}/wp/v2/users/me", user="editor").value, example("wordpress_user"))
    assert call("GET", f"{API}/wp/v2/users/me?context=edit", user="editor").value["roles"] == ["editor"]


def test_errors_are_wordpress_own(call, publish, example):
    documented = example("wordpress_errors")
    assert call("POST", POSTS, {"title": "x"}).value == documented["stranger_creates"]
    assert call("GET", f"{POSTS}/99999").value == documented["no_such_post"]
    first = call("POST", f"{API}/wp/v2/categories", {"name": "News"}, user="editor")
    again = call("POST", f"{API}/wp/v2/categories", {"name": "news"}, user="editor")
    assert again.value == {**documented["term_exists"], "data": {"status": 400, "term_id": first.value["id"]}}


@pytest.mark.parametrize(
    ("user", "password", "status", "code"),
    [
        ("subscriber", "rehearsal application password", 403, "rest_cannot_create"),
        ("editor", "wrong", 401, "incorrect_password"),
        ("nobody", "rehearsal application password", 401, "invalid_username"),
    ],
)
def test_who_may_not_publish_leaves_nothing_behind(call, user, password, status, code):
    refused = call("POST", POSTS, {"title": "x", "status": "publish"}, user=user, password=password)

    assert (refused.status, refused.value["code"], refused.value["data"]["status"]) == (status, code, status)
    assert call("GET", POSTS).headers["X-WP-Total"] == "0"


def test_spaces_in_an_application_password_do_not_matter(call):
    assert (
        call("GET", f"{API}/wp/v2/users/me", user="editor", password="rehear sal application pass word").status == 200
    )


def test_me_without_credentials_is_401(call):
    assert call("GET", f"{API}/wp/v2/users/me").value["code"] == "rest_not_logged_in"


def test_the_same_slug_twice_becomes_unique(publish):
    assert [publish(slug="beans").value["slug"] for _ in range(3)] == ["beans", "beans-2", "beans-3"]


def test_a_post_is_found_by_slug_status_and_a_comment_in_its_content(call, publish):
    publish(slug="beans", content="<!-- marker:01JABC --><p>Beans</p>")
    publish(title="Draft", status="draft")

    assert [post["slug"] for post in call("GET", f"{POSTS}?slug=beans").value] == ["beans"]
    assert [post["slug"] for post in call("GET", f"{POSTS}?search=marker:01JABC").value] == ["beans"]
    drafts = call("GET", f"{POSTS}?status=draft&context=edit", user="editor").value
    assert [post["title"]["raw"] for post in drafts] == ["Draft"]
    assert call("GET", f"{POSTS}?status=draft").status == 400


def test_lists_are_paged_with_totals(call, publish):
    for number in range(3):
        publish(title=f"Post {number}")

    page = call("GET", f"{POSTS}?per_page=2&page=2")

    assert (len(page.value), page.headers["X-WP-Total"], page.headers["X-WP-TotalPages"]) == (1, "3", "2")
    assert call("GET", f"{POSTS}?per_page=2&page=9").value["code"] == "rest_post_invalid_page_number"


def test_a_future_date_schedules_and_only_publish_is_visible(call, publish):
    scheduled = publish(date_gmt="2999-01-01T00:00:00")

    assert scheduled.value["status"] == "future"
    assert call("GET", f"{POSTS}/{scheduled.value['id']}").status == 401
    assert call("GET", f"/wordpress/harbour/{scheduled.value['slug']}/").status == 404
    published = call(
        "POST",
        f"{POSTS}/{scheduled.value['id']}",
        {"date_gmt": "2020-01-01T00:00:00", "status": "publish"},
        user="editor",
    )
    assert published.value["status"] == "publish"


def test_a_post_can_be_changed_trashed_and_deleted(call, publish):
    number = publish().value["id"]

    assert (
        call("PUT", f"{POSTS}/{number}", {"title": "Fresher beans"}, user="editor").value["title"]["raw"]
        == "Fresher beans"
    )
    assert call("DELETE", f"{POSTS}/{number}", user="editor").value["status"] == "trash"
    assert call("DELETE", f"{POSTS}/{number}?force=true", user="editor").value["deleted"] is True
    assert call("GET", f"{POSTS}/{number}").status == 404


def test_only_registered_meta_is_kept(publish):
    meta = publish(meta={"rehearsal_marker": "m1", "unheard_of": "x"}).value["meta"]

    assert meta == {"footnotes": "", "rehearsal_marker": "m1"}


def test_settings_are_for_administrators(call):
    assert call("GET", f"{API}/wp/v2/settings", user="editor").status == 403
    assert call("GET", f"{API}/wp/v2/settings", user="admin").value["timezone"] == "UTC"


def test_a_reader_sees_title_description_category_and_ribbon(call, publish):
    category = call("POST", f"{API}/wp/v2/categories", {"name": "Brewing"}, user="editor").value["id"]
    link = publish(title="Isn't it <b>fresh</b>", excerpt="Why fresh coffee matters.", categories=[category]).value[
        "link"
    ]
    page = call("GET", link[link.index("/wordpress") :])

    assert page.status == 200
    assert "Isn&#8217;t it" in page.text
    assert '<meta name="description" content="Why fresh coffee matters.">' in page.text
    assert "Brewing" in page.text
    assert "Rehearsal" in page.text
    assert "Isn&#8217;t it" in call("GET", "/wordpress/harbour/").text
    assert call("GET", "/wordpress/harbour/nothing/").status == 404


def test_a_time_out_after_acceptance_leaves_exactly_one_post(rehearsal, call, publish):
    call(
        "POST", "/_control/faults", {"target": "wordpress", "fault": "timeout_after_accept", "match": "POST /wordpress"}
    )

    with pytest.raises(TimeoutError):
        call(
            "POST",
            POSTS,
            {"title": "Once", "status": "publish", "content": "<!-- marker:01JONCE -->"},
            user="editor",
            timeout=1,
        )

    assert call("GET", POSTS).headers["X-WP-Total"] == "1"
    (entry,) = [entry for entry in call("GET", "/_control/log?target=wordpress").value["log"] if entry["recorded"]]
    assert (entry["recorded"]["kind"], entry["fault"], entry["marker"]) == (
        "post.created",
        "timeout_after_accept",
        "01JONCE",
    )
    assert "application" not in str({name: entry[name] for name in entry if name != "body"})


@pytest.mark.parametrize(("fault", "posts"), [("reset", "0"), ("reset_after_accept", "1")])
def test_a_reset_happens_before_or_after_the_post_is_recorded(call, publish, fault, posts):
    call("POST", "/_control/faults", {"target": "wordpress", "fault": fault})

    with pytest.raises(ConnectionError):
        publish()

    assert call("GET", POSTS).headers["X-WP-Total"] == posts


def test_a_late_listing_shows_nothing_once(call, publish):
    publish(slug="beans")
    call("POST", "/_control/faults", {"target": "wordpress", "fault": "empty", "match": "GET"})

    assert [len(call("GET", f"{POSTS}?slug=beans").value) for _ in range(2)] == [0, 1]


def test_wrong_types_in_the_answer(call, publish):
    call("POST", "/_control/faults", {"target": "wordpress", "fault": "wrong_types"})

    created = publish()

    assert not isinstance(created.value["id"], int)
    assert isinstance(created.value["title"], str)


def test_a_redirect_leads_elsewhere_and_shows_whether_credentials_followed(rehearsal, call, publish):
    call("POST", "/_control/faults", {"target": "wordpress", "fault": "redirect"})

    location = publish().headers["Location"]
    call("GET", location.removeprefix(rehearsal.url))

    assert location == f"{rehearsal.url}/_elsewhere{POSTS}"
    assert [entry["credentials"] for entry in rehearsal.world.entries(target="elsewhere")] == [False]
