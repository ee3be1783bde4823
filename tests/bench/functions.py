"""Functions without a server: opening a secret, making an id."""

import uuid

from cryptography.fernet import Fernet

from apps.shared.encryption import seal, unseal
from apps.shared.ids import is_ref_id, new_id, spell

from .rounds import Pair

SECRET = "a channel's token: " + "x" * 180  # as long as a platform's tokens are
PLACE = "tenant/channels/access_token/row"


def opening(count: int) -> Pair:
    """`unseal`, beside Fernet, which django-fernet-encrypted-fields would use."""
    sealed, fernet = seal(SECRET, PLACE), Fernet(Fernet.generate_key())
    token = fernet.encrypt(SECRET.encode())

    def product() -> int:
        for _ in range(count):
            unseal(sealed, PLACE)
        return count

    def floor() -> int:
        for _ in range(count):
            fernet.decrypt(token)
        return count

    def check() -> None:
        assert unseal(sealed, PLACE) == fernet.decrypt(token).decode() == SECRET

    return Pair("secrets opened, AES-256-GCM", "Fernet", product, floor, check)


def ids(count: int) -> Pair:
    """`new_id`, beside a random UUID, which does not sort by time."""

    def product() -> int:
        for _ in range(count):
            new_id()
        return count

    def floor() -> int:
        for _ in range(count):
            uuid.uuid4()
        return count

    def check() -> None:
        made = [new_id() for _ in range(1_000)]
        assert len(set(made)) == 1_000
        assert all(is_ref_id(spell(one)) for one in made)

    return Pair("ULIDs made", "uuid4", product, floor, check)
