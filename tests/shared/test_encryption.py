"""Secrets in columns: sealed for one place, opened on purpose, shown by nothing else."""

import base64
import copy
import json
import os
import pickle
import traceback

import orjson
import pytest
import structlog
from django.core import serializers
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from encrypted_fields.fields import EncryptedTextField

from apps.activities.models import AgentConfig, LlmProvider
from apps.channels.models import Channel, Integration
from apps.shared import rotation
from apps.shared.encryption import NONCE_BYTES, Sealed, SealedTextField, Undecryptable, key_ring, seal, unseal
from apps.shared.scoping import every_tenant
from config import schema

SECRET = "Zq7 wXy2 mNp4 kLr9"
PLACE = "tenant|table|column|row|"
NOW = timezone.now()
# Of acceptance.md: the encrypted columns it lists, and those its tables call AES-256-GCM ciphertext.
SECRET_COLUMNS = {
    "agent_configs.env_secrets",
    "channels.access_token",
    "channels.refresh_token",
    "integrations.secret",
    "llm_providers.api_key",
    "notification_providers.secret",
    "webhook_endpoints.previous_secret",
    "webhook_endpoints.secret",
}


def new_key(key_id: str) -> str:
    return f"{key_id}:{base64.b64encode(os.urandom(32)).decode()}"


def stored(row, column: str) -> str:
    """What lies in the column."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}"::text FROM "{row._meta.db_table}" WHERE id = %s', [row.pk])
        return cursor.fetchone()[0]


def put(row, column: str, token: str) -> None:
    """Write a token past the field, as somebody with a database console would."""
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{row._meta.db_table}" SET "{column}" = %s WHERE id = %s', [token, row.pk])


@pytest.fixture
def channel(acme) -> Channel:
    """With a secret in either column."""
    kept = Channel.objects.get()
    kept.access_token, kept.refresh_token = SECRET, "another"
    kept.save(update_fields=["access_token", "refresh_token"])
    return Channel.objects.get()


def test_what_is_sealed_opens_in_its_place():
    for plain in (SECRET, "", "x", "पासवर्ड 🔑", "a|b.c\n\x00", "y" * 100_000):
        assert unseal(seal(plain, PLACE), PLACE) == plain


@pytest.mark.acceptance("SEC-aes")
@pytest.mark.parametrize("part", range(5))
def test_each_part_of_the_place_is_bound(part):
    elsewhere = PLACE.split("|")
    elsewhere[part] += "x"

    with pytest.raises(Undecryptable, match=r"altered, or lies in another place"):
        unseal(seal(SECRET, PLACE), "|".join(elsewhere))


@pytest.mark.acceptance("SEC-aes")
def test_a_ciphertext_does_not_open_in_another_column_of_its_row(channel):
    put(channel, "refresh_token", stored(channel, "access_token"))

    moved = Channel.objects.get()
    with pytest.raises(Undecryptable):
        moved.refresh_token.open()
    assert moved.access_token.open() == SECRET


@pytest.mark.acceptance("SEC-aes")
def test_a_ciphertext_does_not_open_in_the_same_column_of_another_row(acme):
    first, second = (
        Integration.objects.create(provider="dataforseo", name=name, auth_type="basic", secret=SECRET, created_on=NOW)
        for name in ("one", "two")
    )
    put(second, "secret", stored(first, "secret"))

    with pytest.raises(Undecryptable):
        Integration.objects.get(pk=second.pk).secret.open()


@pytest.mark.acceptance("SEC-aes")
def test_a_ciphertext_does_not_open_for_another_client_nor_in_another_table(channel, world):
    token = stored(channel, "access_token")
    _, table, column, row_id, name = Channel._meta.get_field("access_token").place(channel).split("|")

    for tenant_id, other_table in ((world.tenant("rival").pk, table), (channel.tenant_id, "integrations")):
        with pytest.raises(Undecryptable):
            unseal(token, f"{tenant_id}|{other_table}|{column}|{row_id}|{name}")
    assert unseal(token, f"{channel.tenant_id}|{table}|{column}|{row_id}|{name}") == SECRET


def test_a_sealed_value_that_is_assigned_to_another_row_stays_where_it_was_sealed(channel, world):
    with world.at("rival"):
        other = Channel.objects.get()
    with every_tenant(reason="a test copies a secret between two clients"):
        other.access_token = channel.access_token
        other.save(update_fields=["access_token"])

        with pytest.raises(Undecryptable):
            Channel.objects.get(pk=other.pk).access_token.open()


@pytest.mark.acceptance("SEC-aes")
def test_two_sealings_of_one_text_have_nothing_in_common():
    tokens = [seal(SECRET, PLACE) for _ in range(20_000)]

    bodies = [base64.urlsafe_b64decode(token.split(".")[2]) for token in tokens]
    assert len({body[:NONCE_BYTES] for body in bodies}) == len(tokens)
    assert len({body[NONCE_BYTES:] for body in bodies}) == len(tokens)
    assert {len(body) for body in bodies} == {NONCE_BYTES + len(SECRET) + 16}


@pytest.mark.acceptance("SEC-aes")
def test_one_bit_changed_anywhere_is_refused():
    version, key_id, encoded = seal(SECRET, PLACE).split(".")
    body = base64.urlsafe_b64decode(encoded)

    for bit in range(8 * len(body)):
        altered = bytearray(body)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Undecryptable):
            unseal(f"{version}.{key_id}.{base64.urlsafe_b64encode(altered).decode()}", PLACE)


def test_a_token_has_one_spelling_only():
    token = seal(SECRET, PLACE)
    spellings = [token[:at] + extra + token[at:] for at in range(6, len(token) + 1) for extra in ("!", "\n", " ", "=")]
    spellings += [token[:at] for at in range(len(token))]
    spellings += [token[:-1] + chr(ord(token[-1]) + 1), token.upper(), token.replace("g1.", "g2."), f"{token}.x"]

    for spelled in {*spellings} - {token}:
        with pytest.raises(Undecryptable):
            unseal(spelled, PLACE)


@pytest.mark.parametrize("rubbish", [None, 7, "", ".", "..", "g1.k1.", "g1..x", "g1.k1.ä", "a.b.c.d", "x" * 10_000])
def test_rubbish_in_a_column_is_undecryptable_and_nothing_worse(rubbish):
    with pytest.raises(Undecryptable):
        unseal(rubbish, PLACE)
    assert Sealed(rubbish).key_id in ("", "k1")


@pytest.mark.acceptance("SEC-key")
def test_the_newest_key_seals_and_every_key_of_the_ring_opens(settings):
    old = seal(SECRET, PLACE)
    settings.ENCRYPTION_KEYS = [new_key("k2"), *settings.ENCRYPTION_KEYS]
    new = seal(SECRET, PLACE)

    assert (Sealed(old).key_id, Sealed(new).key_id) == ("k1", "k2")
    assert [unseal(token, PLACE) for token in (old, new)] == [SECRET, SECRET]


@pytest.mark.acceptance("SEC-key")
def test_a_key_that_is_gone_is_named(settings):
    token = seal(SECRET, PLACE)
    settings.ENCRYPTION_KEYS = [new_key("k2")]

    with pytest.raises(
        Undecryptable, match="table.column: it was sealed with key 'k1', which ENCRYPTION_KEYS does not"
    ):
        unseal(token, PLACE)


def test_a_key_under_another_id_does_not_open(settings):
    token = seal(SECRET, PLACE)
    settings.ENCRYPTION_KEYS = [new_key("k1")]  # the id is known, the key is another

    with pytest.raises(Undecryptable):
        unseal(token, PLACE)


@pytest.mark.acceptance("SEC-key")
@pytest.mark.parametrize(
    "entry",
    [
        base64.b64encode(b"s" * 32).decode(),
        f":{base64.b64encode(b's' * 32).decode()}",
        f"k1:{base64.b64encode(b's' * 31).decode()}",
        f"k1:{base64.b64encode(b's' * 33).decode()}",
        f"k.1:{base64.b64encode(b's' * 32).decode()}",
        f"k1:{'s' * 44}!",
        "k1:",
    ],
)
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(settings, entry):
    settings.ENCRYPTION_KEYS = [new_key("k9"), entry]

    with pytest.raises(ImproperlyConfigured) as refused:
        key_ring()

    assert str(refused.value) == "ENCRYPTION_KEYS: entry 2 needs a unique id and 32 bytes in base64."


@pytest.mark.parametrize("keys", [[], [new_key("k1"), new_key("k1")]], ids=["none", "one id twice"])
def test_a_ring_without_keys_or_with_one_id_twice_is_refused(settings, keys):
    settings.ENCRYPTION_KEYS = keys

    with pytest.raises(ImproperlyConfigured):
        seal(SECRET, PLACE)


def ways_to_show(value) -> list[str]:
    """Every way a value ends up in text by accident; what is refused shows nothing."""
    shown = []
    for way in (
        repr,
        str,
        format,
        ascii,
        lambda v: f"{v}",
        lambda v: f"{v!r:>40}",
        lambda v: f"{v:>40}",
        lambda v: "%s %r" % (v, v),  # noqa: UP031
        lambda v: "".join(["", *map(str, [v])]),
        lambda v: json.dumps({"v": v}),
        lambda v: json.dumps({"v": v}, default=str),
        lambda v: orjson.dumps({"v": v}).decode(),
        lambda v: orjson.dumps({"v": v}, default=repr).decode(),
        lambda v: repr([v, {"v": v}, (v,)]),
        lambda v: str(ValueError(v)),
        lambda v: "".join(traceback.format_exception(RuntimeError("cannot send", v))),
        lambda v: structlog.processors.JSONRenderer()(None, "info", {"v": v}),
        lambda v: structlog.processors.KeyValueRenderer()(None, "info", {"v": v}),
        lambda v: pickle.dumps(v).decode("latin-1"),
    ):
        try:
            shown.append(way(value))
        except TypeError:
            continue
    return shown


@pytest.mark.acceptance("SEC-decrypt")
def test_a_secret_is_shown_by_nothing_but_opening_it(channel):
    fresh = Channel(access_token=SECRET)

    for value in (channel.access_token, fresh.access_token):
        texts = ways_to_show(value)
        assert len(texts) >= 14
        assert [text for text in texts if SECRET in text] == []
        assert repr(value) == str(value) == f"{value}" == "<sealed>"
        assert value.open() == SECRET


@pytest.mark.acceptance("SEC-decrypt")
def test_a_row_shows_no_secret_however_it_is_printed_or_copied(channel):
    fresh = copy.copy(channel)
    fresh.access_token = SECRET

    for row in (channel, fresh):
        assert SECRET not in repr(row) + str(row) + repr(vars(row)) + serializers.serialize("json", [row])
    assert SECRET not in repr(list(Channel.objects.values())) + repr(list(Channel.objects.values_list("access_token")))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(fresh)


def test_what_is_read_without_its_row_does_not_open(channel):
    (sealed,) = Channel.objects.values_list("access_token", flat=True)

    with pytest.raises(Undecryptable, match="through its row"):
        sealed.open()


def test_a_secret_that_does_not_open_says_so_without_an_id_or_a_value(channel):
    put(channel, "access_token", seal(SECRET, PLACE))

    with pytest.raises(Undecryptable) as refused:
        Channel.objects.get().access_token.open()

    told = "".join(traceback.format_exception(refused.value))
    assert (
        str(refused.value) == "channels.access_token: it was altered, or lies in another place than it was sealed for"
    )
    assert SECRET not in told
    assert str(channel.pk) not in told and str(channel.tenant_id) not in told


@pytest.mark.acceptance("SEC-aes")
def test_the_database_is_sent_ciphertext_only(acme):
    row = Channel.objects.get()
    row.access_token = SECRET
    with CaptureQueriesContext(connection) as captured:
        row.save(update_fields=["access_token"])

    assert stored(row, "access_token").startswith("g1.k1.")
    assert SECRET not in repr([query["sql"] for query in captured])
    assert captured[-1]["sql"].count("g1.k1.") == 1


def test_a_secret_is_written_through_its_row_only(channel):
    for way in (
        lambda: Channel.objects.update(access_token=SECRET),
        lambda: Channel.objects.filter(access_token=SECRET).exists(),
        lambda: Channel.objects.exclude(access_token__in=[SECRET]).exists(),
        lambda: Channel.objects.bulk_update([Channel(pk=channel.pk, access_token=SECRET)], ["access_token"]),
    ):
        with pytest.raises(TypeError, match="Assign a secret to its row"):
            way()


def test_bulk_create_seals_each_for_its_own_row(acme):
    made = Integration.objects.bulk_create(
        Integration(provider="dataforseo", name=name, auth_type="basic", secret=f"{SECRET} {name}", created_on=NOW)
        for name in ("one", "two")
    )

    for row in made:
        assert Integration.objects.get(pk=row.pk).secret.open() == f"{SECRET} {row.name}"


def test_nothing_and_the_empty_text_are_different_things(acme):
    row = Channel.objects.get()
    row.access_token, row.refresh_token = "", None
    row.save(update_fields=["access_token", "refresh_token"])

    again = Channel.objects.get()
    assert again.access_token.open() == ""
    assert again.refresh_token is None


@pytest.mark.acceptance("agent_configs.env_secrets")
@pytest.mark.acceptance("SEC-enc-list")
def test_names_of_environment_secrets_can_be_read_and_their_values_cannot(acme):
    config = AgentConfig.objects.order_by("ref_id").first()
    config.env_secrets = {"API_LOGIN": "agency", "API_PASSWORD": SECRET}
    config.save(update_fields=["env_secrets"])

    lying = json.loads(stored(config, "env_secrets"))
    assert list(lying) == ["API_LOGIN", "API_PASSWORD"]
    assert {token[:6] for token in lying.values()} == {"g1.k1."}
    again = AgentConfig.objects.get(pk=config.pk)
    assert repr(dict(again.env_secrets)) == "{'API_LOGIN': <sealed>, 'API_PASSWORD': <sealed>}"
    assert {name: secret.open() for name, secret in again.env_secrets.items()} == {
        "API_LOGIN": "agency",
        "API_PASSWORD": SECRET,
    }
    with pytest.raises(TypeError):
        again.env_secrets["API_LOGIN"] = "other"  # a change that would never be saved


@pytest.mark.acceptance("SEC-aes")
def test_environment_secrets_do_not_change_places_within_their_object(acme):
    config = AgentConfig.objects.order_by("ref_id").first()
    config.env_secrets = {"LOGIN": "agency", "PASSWORD": SECRET}
    config.save(update_fields=["env_secrets"])
    lying = json.loads(stored(config, "env_secrets"))
    put(config, "env_secrets", json.dumps({"LOGIN": lying["PASSWORD"], "PASSWORD": lying["PASSWORD"]}))

    swapped = AgentConfig.objects.get(pk=config.pk).env_secrets
    with pytest.raises(Undecryptable):
        swapped["LOGIN"].open()
    assert swapped["PASSWORD"].open() == SECRET


@pytest.mark.acceptance("llm_providers")
def test_a_secret_of_the_platform_belongs_to_no_client(db):
    provider = LlmProvider.objects.order_by("ref_id").first()
    provider.api_key = SECRET
    provider.save(update_fields=["api_key"])

    assert SealedTextField.place(LlmProvider._meta.get_field("api_key"), provider).startswith(
        "None|llm_providers|api_key|"
    )
    assert LlmProvider.objects.get(pk=provider.pk).api_key.open() == SECRET


@pytest.mark.acceptance("SEC-enc-list")
def test_every_column_that_holds_a_secret_is_a_sealed_field_and_no_other_is():
    specified = {f"{table.name}.{column.name}" for table in schema.TABLES.values() for column in table.columns}
    sealed = {f"{m._meta.db_table}.{f.column}" for m, fields in rotation.sealed_columns().items() for f in fields}
    tables = {model._meta.db_table for model in rotation.apps.get_models()}

    assert specified >= SECRET_COLUMNS
    assert sealed == {column for column in SECRET_COLUMNS if column.partition(".")[0] in tables}


@pytest.mark.acceptance("SEC-aes")
def test_the_classes_are_the_packages_and_the_cipher_is_not():
    field = Channel._meta.get_field("access_token")

    assert isinstance(field, EncryptedTextField)
    assert field.db_type(connection) == "text"
    with pytest.raises(TypeError, match="own cipher is not used"):
        field.f  # noqa: B018
