"""What the processes of test_ids run: without Django, which they would have to set up first."""

from apps.shared.ids import new_id, spell


def many(count: int) -> list[str]:
    return [spell(new_id()) for _ in range(count)]
