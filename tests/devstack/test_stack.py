"""Where the development stack takes outside servers from."""

import pytest

from devstack.stack import listening_place


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgres://app_user:se%40cret@db.example.org/leadmetrics", ("db.example.org", 5432)),
        ("mongodb://app_user:x@one:27018,two:27019/leadmetrics?authSource=admin", ("one", 27018)),
        ("mongodb+srv://app_user:x@cluster.example.org/leadmetrics", None),
        ("https://s3.example.org", ("s3.example.org", 443)),
    ],
)
def test_an_outside_address_names_host_and_port(url, place):
    assert listening_place(url) == place
