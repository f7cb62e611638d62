"""How a column is declared."""

import pyarrow as pa

ID = pa.binary(16)  # BLAKE2b-128


def column(name: str, kind: pa.DataType, meaning: str, *, unit: str = "", nullable: bool = True) -> pa.Field:
    """A field whose metadata says what the column means, and in which unit it is."""
    metadata = {"meaning": meaning} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def meaning(field: pa.Field) -> str:
    """The column's meaning as its schema declares it, its unit in brackets."""
    words = {key.decode(): value.decode() for key, value in field.metadata.items()}
    return str(words["meaning"]) + (f" [{words['unit']}]" if "unit" in words else "")
