"""Tables of generated documents."""


def as_table(columns: str, rows: list[list[str]]) -> list[str]:
    """A table with these column names, `columns` being words; a bar inside a cell becomes a dot."""
    names = columns.split()
    lines = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(cell.replace('|', '·') for cell in line)} |" for line in lines]
