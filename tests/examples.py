"""What a generic row of a table would get wrong: the columns in which a rule of its own holds."""

EXAMPLES: dict[str, dict[str, object]] = {}
